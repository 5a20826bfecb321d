"""Two boundaries on one PostgreSQL behind HAProxy, as something that serves and can be measured."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.compare import QUIET
from bench.cpu import children, own_cpu_seconds
from support import postgresql
from support.approvals import free_port
from support.boundary import Boundary
from support.haproxy import haproxy
from support.short_folders import short_folder

PARTS = ("proxies", "workers", "supervisor", "database", "balancer")
_SOURCES = 16
"""Clients' addresses: the balancer keeps each on one boundary."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What runs: the balancer's port, and the processes of each part."""

    port: int
    proxies: tuple[int, ...]
    database: int
    balancer: int
    sources: int = _SOURCES

    def seconds(self) -> dict[str, float]:
        """Return the processor time of each part so far."""
        rest = {
            "database": total([self.database, *children(self.database)]),
            "balancer": total([self.balancer, *children(self.balancer)]),
        }
        return of_proxies(self.proxies) | rest


def missing() -> str | None:
    """Say what isn't installed; None where a fleet can run."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if shutil.which("haproxy", path=path) is None:
        return "no haproxy (scripts/clients servers)"
    return postgresql.missing()


@contextlib.contextmanager
def fleet(folder: Path, upstream: int) -> Iterator[Fleet]:
    """Run it before an upstream of this port."""
    with contextlib.ExitStack() as stack:
        place = short_folder()
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        server = stack.enter_context(postgresql.running_server(place))
        database, ports, proxies = postgresql.migrated(server), [], []
        for name in ("one", "two"):
            health = free_port()
            state = folder / name
            state.mkdir(parents=True)
            options = {
                **QUIET, "helm_state": database.text, "helm_folder": state / "helm",
                "helm_health": f"127.0.0.1:{health}", "helm_proxy_protocol_from": "127.0.0.1",
            }  # fmt: skip
            boundary = stack.enter_context(
                Boundary(state=state, mode=f"reverse:http://127.0.0.1:{upstream}", options=options)
            )
            ports.append((boundary.port, health))
            proxies.append(boundary.pid)
        balancer = stack.enter_context(haproxy(ports))
        balancer.sees(one="UP", two="UP")
        yield Fleet(balancer.port, tuple(proxies), server.pid, balancer.process.pid)


def of_proxies(proxies: Iterable[int]) -> dict[str, float]:
    """Return the processor time of boundaries and of their workers so far, in seconds."""
    workers = [each for pid in proxies for each in children(pid)]
    return {"proxies": total(proxies), "workers": total(workers)}


def total(pids: Iterable[int]) -> float:
    """Return the processor time of processes so far, in seconds; of those that are gone none."""
    return sum(own_cpu_seconds(pid) or 0.0 for pid in pids)
