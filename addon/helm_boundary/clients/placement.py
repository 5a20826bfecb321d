"""Everything one program needs to run under the boundary: a proxy, files, variables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from helm_boundary.calls.call import Mode
from helm_boundary.calls.proxy_exceptions import named_exceptions
from helm_boundary.policy.sources.profiles import PREFIX, name_of
from helm_boundary.runtime.health import Health, ask, socket_of
from helm_boundary.runtime.start_order import Order

from .ca_bundle import make_trust, system_roots, upstream_roots
from .confine import Confinement
from .connection_watch import ConnectionWatch, watch_connections
from .environment import LOOPBACK, Route, variables
from .free_ports import free_ports
from .launch import Launched, LaunchFailed, joinable
from .past import Past, untrusting
from .providers import Redirection, redirections
from .supervise import run_program
from .workspace import workspace_policy

_QUIET = ("flow_detail=0", "termlog_verbosity=warn")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to run a program; `alone` means not to join a running boundary.

    `folders` are the working folder by all of its names, in which profiles let agents write.
    `local` are the HOST:PORT of this machine and its networks that a confined one may reach.
    """

    state: Path
    mode: Mode = "enforce"
    folders: tuple[Path, ...] = ()
    policies: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ()
    alone: bool = False
    base_urls: bool = False
    confined: bool = False
    local: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A prepared environment, and the boundary in it.

    `own_pid` is the boundary's if it was started for these programs. `watch` sees what a program
    that isn't confined connects to, where the system tells that.
    """

    environment: Mapping[str, str]
    health: Health
    own_pid: int | None
    confinement: Confinement | None
    watch: ConnectionWatch | None

    @property
    def told(self) -> str:
        """What a person is told about the boundary before the program runs."""
        health = self.health
        how = "started for this program" if self.own_pid else "joined, as it runs"
        return (
            f"{health.mode}: the boundary of process {health.pid} ({how}) on {health.proxy}, "
            f"policy {health.policy_uri}"
        )

    def run(self, command: Sequence[str]) -> int:
        """Run a program to its end and return its exit code; raises `NotStarted`."""
        if self.confinement is not None:
            return self.confinement.run(command, self.environment)
        with self.watch or contextlib.nullcontext():
            return run_program(command, self.environment)

    def past(self, command: Sequence[str]) -> Past:
        """Return what never came to be a call; to be asked while the boundary runs."""
        now = ask(socket_of(Path(self.health.state), self.health.pid))
        started = Path(command[0]).name
        before = max((each.number for each in self.health.untrusting), default=0)
        failed = [each for each in (now.untrusting if now else ()) if each.number > before]
        if self.watch is None:
            return Past((), untrusting(failed, {}, started))
        if self.own_pid is None:
            failed = [each for each in failed if each.port in self.watch.programs]
        return Past(tuple(self.watch.outside), untrusting(failed, self.watch.programs, started))


@contextlib.contextmanager
def place(wanted: Wanted, environment: Mapping[str, str]) -> Iterator[Placed]:
    """Join or start a boundary and prepare everything that a program needs to be under it.

    Raises:
        LaunchFailed, BundleError, ConfinementRefused: each says what is missing.
    """
    running = None if wanted.alone else joinable(wanted.state, wanted.mode)
    if running is not None:
        yield _placed(wanted, running, environment, {}, None)
        return
    listeners = _listeners(environment) if wanted.base_urls else {}
    order = _order(wanted, environment, listeners)
    with Launched(order, wanted.state, environment) as launched:
        health = launched.wait_until_ready()
        base_urls = {
            name: f"http://{LOOPBACK}:{port}{path}"
            for port, redirection in listeners.items()
            for name, path in redirection.variables.items()
        }
        yield _placed(wanted, health, environment, base_urls, launched.pid)


def _placed(
    wanted: Wanted,
    health: Health,
    environment: Mapping[str, str],
    base_urls: Mapping[str, str],
    own_pid: int | None,
) -> Placed:
    if health.proxy is None:
        raise LaunchFailed("the boundary has no forward proxy; leave `mode` to `exec`")
    trust = make_trust(Path(health.ca_file), system_roots(environment), wanted.state)
    route = Route(health.proxy, trust, base_urls)
    told = {**environment, **variables(route, environment)}
    ports = {urlsplit(f"http://{health.proxy}").port or 0}
    ports |= {urlsplit(url).port or 0 for url in base_urls.values()}
    if wanted.confined:
        return Placed(told, health, own_pid, Confinement(sorted(ports)), None)
    return Placed(told, health, own_pid, None, watch_connections(sorted(ports), own_pid))


def _order(
    wanted: Wanted, environment: Mapping[str, str], listeners: Mapping[int, Redirection]
) -> Order:
    roots = upstream_roots(environment, wanted.state)
    order = Order(
        port=0,
        modes=(_forward_mode(environment),),
        state=wanted.state,
        policies=_policies(wanted),
        settings=(
            *_QUIET,
            f"ssl_verify_upstream_trusted_ca={roots}",
            *(["helm_mode=observe"] if wanted.mode == "observe" else ()),
            *(f"helm_local={place}" for place in _reach(wanted)),
            *(f"helm_no_proxy={entry}" for entry in named_exceptions(environment)),
            *wanted.settings,
        ),
    )
    reverse = (
        f"reverse:{redirection.origin}@{LOOPBACK}:{port}" for port, redirection in listeners.items()
    )
    return replace(order, modes=(*order.modes, *reverse))


def _policies(wanted: Wanted) -> tuple[Path, ...]:
    """Return the policies, below them the working folder where there is a profile among them."""
    named = any(map(name_of, wanted.policies))
    named |= any(setting.startswith(f"helm_policy={PREFIX}") for setting in wanted.settings)
    if not named or not wanted.folders:
        return wanted.policies
    return (workspace_policy(wanted.folders, wanted.state), *wanted.policies)


def _reach(wanted: Wanted) -> tuple[str, ...]:
    """Return what `helm_local` is set to; nothing for a program that isn't confined."""
    return (wanted.local or ("none",)) if wanted.confined else ()


def _forward_mode(environment: Mapping[str, str]) -> str:
    """Return the mode of the proxy: behind another one, if the environment names one."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        proxy = urlsplit(environment.get(name, ""))
        if not proxy.hostname:
            continue
        if proxy.scheme not in ("http", "https"):
            raise LaunchFailed(f"{name}: expected an http or https proxy, found {proxy.scheme}")
        if proxy.username:
            raise LaunchFailed(
                f"{name} holds credentials, which would be seen in the list of processes; unset "
                "it and name the proxy in mitmproxy's config.yaml (mode, upstream_auth)"
            )
        return f"upstream:{proxy.scheme}://{proxy.netloc}"
    return "regular"


def _listeners(environment: Mapping[str, str]) -> dict[int, Redirection]:
    """Choose a port for each provider: mitmproxy can't be asked for many of its own choice."""
    wanted = redirections(environment)
    return dict(zip(free_ports(len(wanted)), wanted, strict=True))
