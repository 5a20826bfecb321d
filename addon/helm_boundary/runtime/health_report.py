"""How the boundary stands at this moment, as its health socket tells it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from helm_boundary import __version__
from helm_boundary.calls.hosts import authority, listed_hosts

from .ca_authority import CA_FILE, ca_digest
from .disk_space import DiskSpace
from .health import STARTED_FOR, Health, Listener, Untrusting
from .label_names import label_names
from .observation import Observation
from .options import Config, OptionValues
from .process_place import Place
from .startup import Running
from .unsafe_options import unsafe_options


def standing(
    running: Running,
    config: Config,
    options: OptionValues,
    servers: Iterable[Any],
    *,
    sealed: bool,
    open_calls: int,
    draining: bool,
    untrusting: tuple[Untrusting, ...],
    observation: Observation | None,
) -> Health:
    """Put a boundary's health together; `servers` are mitmproxy's, one a mode."""
    space = DiskSpace.of(running.state)
    policy, timings = running.engine.policy, running.boundary.timings
    return Health(
        pid=os.getpid(),
        version=__version__,
        mode=running.boundary.settings.mode,
        listeners=tuple(
            Listener(server.mode.full_spec, authority(*address[:2]))
            for server in servers
            for address in server.listen_addrs
        ),
        sealed=sealed,
        draining=draining,
        policy_uri=policy.uri,
        policy_digest=policy.digest,
        policy_rules=policy.rules,
        engine=running.engine.name,
        hosts=listed_hosts(options.helm_hosts),
        state=str(config.state),
        ca_file=str(Path(options.confdir).expanduser() / CA_FILE),
        open_calls=open_calls,
        unsafe=tuple(unsafe_options(options)),
        upstream_roots=options.ssl_verify_upstream_trusted_ca or "",
        untrusting=untrusting,
        observation=asdict(observation) if observation is not None and running.observes else {},
        disk_free=space.free if space is not None else -1,
        disk_low=space is not None and space.is_low,
        database=str(config.database or ""),
        writer=running.recorder.writer,
        process=str(Place.own() or ""),
        ca_digest=ca_digest(Path(options.confdir).expanduser()),
        started_for=int(os.environ.get(STARTED_FOR) or 0),
        steps=timings.told() if timings is not None else {},
        labels=label_names(policy) if timings is not None else {},
        dropped=running.boundary.dropped,
    )
