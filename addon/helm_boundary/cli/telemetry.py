"""`helm-boundary telemetry`: what `helm_telemetry` starts beside a boundary."""

from __future__ import annotations

import signal
import sys

import click

from helm_boundary.runtime.priority import yield_to_calls
from helm_boundary.runtime.shared_state import SharedState

from .beside import beside_option
from .exits import CommandError
from .shared_state import shared_state_option


@click.command(hidden=True)
@shared_state_option
@beside_option
def telemetry(state: SharedState, with_parent: bool) -> None:
    """Export the calls told on standard input as spans and metrics, as OTEL_* variables say.

    A boundary with `helm_telemetry` starts it; there is no reason to do so by hand.
    """
    if with_parent:  # it ends with its input, when all is exported
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        from helm_boundary.telemetry.backlog import read_ahead
        from helm_boundary.telemetry.export import Export
    except ImportError as error:
        raise CommandError(
            f"this needs the extra helm-boundary[telemetry], which isn't installed: {error}"
        ) from error
    calls = read_ahead(sys.stdin.buffer)
    yield_to_calls()
    Export(state.layout).follow(calls)
