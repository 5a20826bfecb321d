"""`helm-boundary log serve`: the log of a fleet, kept up and served."""

from __future__ import annotations

import logging
from pathlib import Path

import click

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
def serve(address: Address, folder: Path, listen: str) -> None:
    """Integrate receipts into the log and serve it over HTTP.

    Tiles and checkpoints as c2sp.org/tlog-tiles has them, read-only and cacheable. Run two for
    availability, with the same key and name in their folders: one holds the lease and integrates,
    both serve, and the other takes over ten seconds after the first has gone.
    """
    from helm_boundary.log_service.service import keep_up, serving
    from helm_receipts.database.connections import connect, unavailable
    from helm_receipts.database.migrations import require_current
    from helm_receipts.recording.keyset import open_log_key
    from helm_receipts.tables.table_log import TableLog

    logging.basicConfig(format="%(message)s")
    try:
        host, port = read_address(listen)
    except AddressError as error:
        raise CommandError(str(error)) from error
    with io_errors(), listening_on(listen), ending(with_parent=False) as ended:
        with unavailable(address), connect(address) as connection:
            require_current(connection)
        name, key = open_log_key(Layout(folder))
        with serving(address, host, port) as server:
            where = f"[{host}]" if ":" in host else host
            click.echo(f"helm-boundary log: http://{where}:{server.port}/checkpoint")
            keep_up(TableLog(address, name, key), ended)
