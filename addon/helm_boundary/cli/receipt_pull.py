"""`helm-boundary receipts pull`: a database's receipts and log, into a folder."""

from __future__ import annotations

import time
from pathlib import Path

import click

from helm_receipts.database.address import Address
from helm_receipts.layout import Layout

from .state import database_option
from .state_copies import pull_into
from .state_folder import StateFolder
from .state_options import io_errors


@click.command("pull")
@database_option
@click.option("-f", "--follow", is_flag=True, help="Keep running and pull what is new.")
@click.option("--every", type=click.FloatRange(0.1), default=1.0, help="With -f: seconds between.")
@click.argument("folder", type=StateFolder())
def pull_receipts(address: Address, follow: bool, every: float, folder: Path) -> None:
    """Copy a database's receipts and log into FOLDER.

    What is there already isn't read again. Every command that reads a state folder reads this one,
    the page and metrics too, and `fsck` verifies it offline, with no database and no boundary.
    """
    layout = Layout(folder)
    with io_errors():
        while True:
            done = pull_into(address, layout)
            if done.receipts or not follow:
                click.echo(f"{done.receipts} receipts, {done.size} in the log")
            if not follow:
                return
            time.sleep(every)
