"""`helm-boundary metrics`: figures for Prometheus."""

from __future__ import annotations

import errno
import threading

import click

from helm_boundary.runtime.own_address import AddressError, read_address
from helm_boundary.runtime.own_listeners import noted
from helm_boundary.runtime.shared_state import SharedState

from .beside import beside_option, ending, listen_option, listening_on
from .exits import CommandError
from .shared_state import existing_state, shared_state_option
from .state_options import io_errors

_TRY_AGAIN_SECONDS = 5


@click.command()
@shared_state_option
@listen_option("127.0.0.1:9464", here=False)
@beside_option
def metrics(state: SharedState, listen: str, with_parent: bool) -> None:
    """Serve metrics to Prometheus.

    The sums of all boundaries on a state folder or a database. Needs the extra
    helm-boundary[metrics]. No label has a value that a client could choose.
    """
    try:
        address = read_address(listen)
    except AddressError as error:
        raise CommandError(str(error)) from error
    with io_errors(), listening_on(listen), ending(with_parent=with_parent) as ended:
        _export(existing_state(state), address, ended, waits=with_parent)


def _export(
    state: SharedState, address: tuple[str, int], ended: threading.Event, *, waits: bool
) -> None:
    """Export until the end; where another boundary's exporter has the address, wait for it."""
    try:
        from helm_boundary.metrics.exporter import Exporter
    except ImportError as error:
        raise CommandError(
            f"metrics need the extra helm-boundary[metrics], which isn't installed: {error}"
        ) from error
    while not ended.is_set():
        try:
            exporter = Exporter(state, address).start()
        except OSError as error:
            if not waits or error.errno != errno.EADDRINUSE:
                raise
            ended.wait(_TRY_AGAIN_SECONDS)
            continue
        with noted(state.layout.state, exporter.port):
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            click.echo(f"helm-boundary metrics: http://{host}:{exporter.port}/metrics")
            ended.wait()
        exporter.close()
