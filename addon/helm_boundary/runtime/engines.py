"""The engine that a configuration asks for, and the detectors beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
from helm_boundary.policy.sources.policy import read_policy

from .options import Config, is_address


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
    if config.opa_url:
        engine: Engine = start_opa_server(config.opa_url, deadline_ms=config.deadline_ms)
    else:
        folders, refresh = _places(config.policy, config)
        policy = read_policy(folders, key=config.policy_key)
        engine = _starter(config)(policy, deadline_ms=config.deadline_ms)
    try:
        detectors = compile_detectors(engine.policy.detectors_text)
    except PolicyError as error:
        engine.close()
        raise placed(error, folders) from None
    if config.candidate:
        engine = WithCandidate(engine, _start(config.candidate, config))
    start = start_embedded if config.engine == "embedded" else _starter(config)
    return Judging(engine, detectors, folders, refresh, start)


def _starter(config: Config) -> Start:
    """Return what starts an engine of the kind asked for."""
    if config.engine == "embedded":
        return start_engine
    from helm_boundary.policy.engines.opa_engine import start_opa

    return start_opa


def _start(sources: Sequence[str], config: Config) -> Engine:
    folders, _ = _places(sources, config)
    policy = read_policy(folders, key=config.policy_key)
    if config.engine == "embedded":
        return start_engine(policy, deadline_ms=config.deadline_ms, workers=1)
    return _starter(config)(policy, deadline_ms=config.deadline_ms)


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
