"""`helm-boundary log serve`: the log of a fleet, kept up and served."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import click

from helm_boundary.runtime.options import is_address
from helm_boundary.runtime.own_address import AddressError, read_address
from helm_boundary.runtime.state_folder import default_state_folder
from helm_receipts.database.address import Address
from helm_receipts.layout import Layout

from .beside import ending, listening_on
from .exits import CommandError
from .state import database_option
from .state_folder import StateFolder
from .state_options import io_errors


@click.group("log")
def log() -> None:
    """Keep up and serve the log of a database's receipts."""


@log.command()
@database_option
@click.option(
    "--folder",
    envvar="HELM_FOLDER",
    type=StateFolder(),
    default=default_state_folder,
    show_default="the platform's folder",
    help="The folder with the log's key (keys/log.pem) and name (origin), made on first use.",
)
@click.option(
    "--listen",
    metavar="ADDRESS",
    default="127.0.0.1:8083",
    show_default=True,
    help="Address to listen on; port 0 for any that is free.",
)
@click.option(
    "--witness",
    "witnesses",
    metavar="URL,VKEY",
    multiple=True,
    help="A witness (c2sp.org/tlog-witness) that cosigns the log's checkpoint.",
)
@click.option(
    "--timestamp",
    metavar="URL",
    default="",
    help="A timestamp authority (RFC 3161) that signs hourly when the checkpoint was there.",
)
def serve(
    address: Address, folder: Path, listen: str, witnesses: tuple[str, ...], timestamp: str
) -> None:
    """Integrate receipts into the log and serve it over HTTP.

    Tiles and checkpoints as c2sp.org/tlog-tiles has them, read-only and cacheable. Run two for
    availability, with the same key and name in their folders: one holds the lease and integrates,
    both serve, and the other takes over ten seconds after the first has gone.
    """
    from helm_boundary.log_service.service import keep_up, serving, tell_shown
    from helm_boundary.log_service.shown_log import TableShownLog
    from helm_receipts.database.connections import connect, unavailable
    from helm_receipts.database.migrations import require_current
    from helm_receipts.recording.keyset import open_log_key
    from helm_receipts.recording.observers import make_observers
    from helm_receipts.tables.table_log import TableLog

    logging.basicConfig(format="%(message)s")
    try:
        host, port = read_address(listen)
    except AddressError as error:
        raise CommandError(str(error)) from error
    with io_errors(), listening_on(listen), ending(with_parent=False) as ended:
        with unavailable(address), connect(address) as connection:
            require_current(connection)
        whom = [f"witness={each}" for each in witnesses]
        whom += [f"timestamp={timestamp}"] if _can_stamp(timestamp) else []
        # Each shows on a thread of its own, so each has a connection of its own.
        observers = [
            observer
            for each in _by_kind(whom)
            for observer in make_observers(TableShownLog(address), each, tell_shown)
        ]
        name, key = open_log_key(Layout(folder))
        with serving(address, host, port) as server:
            where = f"[{host}]" if ":" in host else host
            click.echo(f"helm-boundary log: http://{where}:{server.port}/checkpoint")
            keep_up(TableLog(address, name, key), ended, observers)


def _by_kind(whom: list[str]) -> list[list[str]]:
    kinds = ("witness=", "timestamp=")
    return [[each for each in whom if each.startswith(kind)] for kind in kinds]


def _can_stamp(url: str) -> bool:
    """Tell whether an authority is asked; a refusal where that can't be."""
    if url and not is_address(url):
        raise CommandError(f"--timestamp: expected an http(s) address, found {url!r}")
    if url and find_spec("rfc3161_client") is None:
        raise CommandError("rfc3161-client isn't installed: install helm-boundary[timestamps]")
    return bool(url)
