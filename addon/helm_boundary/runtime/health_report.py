"""How the boundary stands at this moment, as its health socket tells it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from helm_boundary import __version__
from helm_boundary.calls.hosts import authority, listed_hosts

from .ca_authority import CA_FILE
from .health import STARTED_FOR, Health, Listener, Untrusting
from .label_names import label_names
from .options import Config, OptionValues
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
) -> Health:
    """Put a boundary's health together; `servers` are mitmproxy's, one a mode."""
    policy, timings = running.engine.policy, running.boundary.timings
    return Health(
        pid=os.getpid(),
        version=__version__,
        mode=config.mode,
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
        started_for=int(os.environ.get(STARTED_FOR) or 0),
        steps=timings.told() if timings is not None else {},
        labels=label_names(policy) if timings is not None else {},
        dropped=running.boundary.dropped,
    )
