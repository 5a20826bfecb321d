"""The engine that a configuration asks for, and the detectors beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from helm_boundary.fleet.orders import orders_of
from helm_boundary.policy.detectors.detectors import Detectors, compile_detectors
from helm_boundary.policy.engines.candidate import WithCandidate
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.engines.engine import Engine
from helm_boundary.policy.engines.opa_server import start_opa_server
from helm_boundary.policy.engines.pool import start_engine
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.reload.watch import Start
from helm_boundary.policy.sources.detector_place import placed
from helm_boundary.policy.sources.download import Download
from helm_boundary.policy.sources.policy import Policy, read_policy

from .kept_policies import fetch
from .options import Config, is_address
from .rollback import Rollback


@dataclass(frozen=True, slots=True)
class Judging:
    """What judges: the engine, its detectors, where its policy lies, how that is fetched anew."""

    engine: Engine
    detectors: Detectors
    folders: tuple[Path, ...]
    refresh: Callable[[], object] | None

    start: Start = start_embedded
    """Starts an engine of the same kind for a changed policy."""

    @property
    def can_change(self) -> bool:
        """Whether the policy is read from files, which may change."""
        return bool(self.folders)


def start_judging(config: Config) -> Judging:
    """Read the policy and start what evaluates it.

    Raises:
        PolicyError: it can't be used, or fetched.
    """
    folders: tuple[Path, ...] = ()
    refresh: Callable[[], object] | None = None
    starts = _starts(config)
    if config.opa_url:
        engine: Engine = start_opa_server(config.opa_url, deadline_ms=config.deadline_ms)
    else:
        folders, refresh = _places(config.policy, config)
        policy = _rolled_back(read_policy(folders, key=config.policy_key), config)
        engine = starts.first(policy, deadline_ms=config.deadline_ms)
    try:
        detectors = compile_detectors(engine.policy.detectors_text)
    except PolicyError as error:
        engine.close()
        raise placed(error, folders) from None
    if config.candidate:
        policy = read_policy(_places(config.candidate, config)[0], key=config.policy_key)
        candidate = starts.candidate(policy, deadline_ms=config.deadline_ms)
        engine = WithCandidate(engine, candidate)
    return Judging(engine, detectors, folders, refresh, starts.changed)


def _rolled_back(policy: Policy, config: Config) -> Policy:
    """Return the policy that a person wants in place of that one, where somebody does."""
    said = Rollback.read(orders_of(config.state, config.database))
    if said is None or said.refused != policy.digest:
        return policy
    kept = fetch(config.state, said.instead, config.database)
    return read_policy((kept,), key=config.policy_key)


@dataclass(frozen=True, slots=True)
class _Starts:
    """What starts an engine of one kind, by what it is for."""

    first: Start
    changed: Start
    candidate: Start


def _starts(config: Config) -> _Starts:
    if config.engine == "embedded":
        return _Starts(start_engine, start_embedded, partial(start_engine, workers=1))
    from helm_boundary.policy.engines.opa_engine import start_opa

    return _Starts(start_opa, start_opa, start_opa)


def _places(
    sources: Sequence[str], config: Config
) -> tuple[tuple[Path, ...], Callable[[], object] | None]:
    """Where each source lies; bundles from a server are fetched into the state folder first."""
    downloads = {
        source: Download(source, config.state / "bundles", key=config.policy_key)
        for source in sources
        if is_address(source)
    }

    def refresh() -> None:
        for download in downloads.values():
            download.fetch()

    refresh()
    places = tuple(
        downloads[source].path if source in downloads else Path(source) for source in sources
    )
    return places, refresh if downloads else None
