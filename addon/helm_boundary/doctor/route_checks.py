"""Checks of the route that this environment's calls to a governed host really take.

A TLS handshake along the client's own route tells: behind the boundary the certificate is its
authority's, around it somebody else's. No request is sent.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from helm_boundary.calls.hosts import parse_host_pattern
from helm_boundary.clients.environment import BASE_URLS
from helm_boundary.runtime.health import Health

from .finding import NO, UNKNOWN, YES, Finding

_SECONDS = 5.0
_AT_ONCE = 16
_REMEDY = 'bring the shell under it: eval "$(helm-boundary env)", or use helm-boundary exec'


@dataclass(frozen=True, slots=True)
class Target:
    """Host and port that a client would connect to."""

    host: str
    port: int = 443


def targets(hosts: Sequence[str], environment: Mapping[str, str]) -> list[Target]:
    """Return the governed hosts that aren't wildcards, and those that base URLs name."""
    patterns = [parse_host_pattern(host) for host in hosts]
    named = [Target(each.name, each.port or 443) for each in patterns if not each.any_label]
    for variable in BASE_URLS:
        address = urlsplit(environment.get(variable, ""))
        if address.scheme == "https" and address.hostname:
            named.append(Target(address.hostname, address.port or 443))
    return list(dict.fromkeys(named))


def look_at_routes(health: Health, proxies: Mapping[Target, str | None]) -> Iterator[Finding]:
    """Check that calls to each target go through the boundary; `proxies` has the way to each."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(
            lambda item: _look(item[0], item[1], Path(health.ca_file)), proxies.items()
        )


def _look(target: Target, proxy: str | None, authority: Path) -> Finding:
    looked_at = f"calls to {target.host}:{target.port} go through it"
    way = f"by {proxy}" if proxy else "directly"
    try:
        with _connected(target, proxy) as connection:
            return _handshake(looked_at, way, target, connection, authority)
    except (OSError, ValueError) as error:
        answer = NO if proxy is None else UNKNOWN
        return Finding(looked_at, answer, f"{way}: {error}", _REMEDY)


def _handshake(
    looked_at: str, way: str, target: Target, connection: socket.socket, authority: Path
) -> Finding:
    ours = ssl.create_default_context(cafile=str(authority))
    try:
        ours.wrap_socket(connection, server_hostname=target.host).close()
    except ssl.SSLCertVerificationError as error:
        reason = f"{way}, where somebody else answers ({error.verify_message})"
        return Finding(looked_at, NO, reason, _REMEDY)
    return Finding(looked_at, YES, way)


@contextlib.contextmanager
def _connected(target: Target, proxy: str | None) -> Iterator[socket.socket]:
    address = urlsplit(proxy) if proxy else None
    first = (address.hostname or "", address.port or 80) if address else (target.host, target.port)
    with socket.create_connection(first, _SECONDS) as connection:
        if address:
            authority = f"{target.host}:{target.port}"
            connection.sendall(
                f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()
            )
            answer = _head(connection)
            if answer.split(" ")[1:2] != ["200"]:
                raise ValueError(f"expected the proxy to connect, found {answer!r}")
        yield connection


def _head(connection: socket.socket) -> str:
    """Read the status line of an answer without a body."""
    said = b""
    while b"\r\n\r\n" not in said and len(said) < 1 << 14:
        part = connection.recv(1)  # not a byte of what comes after it
        if not part:
            break
        said += part
    return said.partition(b"\r\n")[0].decode("latin-1")
