"""`helm-boundary receipts integrate | erase`: the log, and the deletion of opening keys."""

from __future__ import annotations

import hashlib

import click

from helm_boundary import __version__
from helm_boundary.runtime.key_pinning import settle
from helm_receipts.envelope.statement import Draft
from helm_receipts.errors import LogError
from helm_receipts.layout import Layout
from helm_receipts.log.log import Log
from helm_receipts.log.rebuild import rebuild
from helm_receipts.recording.keyset import open_keyset
from helm_receipts.recording.openings import erase
from helm_receipts.recording.recorder import Recorder

from .exits import NO, CommandError
from .receipt_results import progress_bar
from .state_options import io_errors, journal_of, state_option

CALLED = "command line"
CONFIGURATION = hashlib.sha256(f"helm-boundary {CALLED}".encode()).hexdigest()
"""What sessions of this command say for a configuration: it judges nothing."""


@click.command()
@state_option
@click.option("--rebuild", "anew", is_flag=True, help="Rebuild the tiles from the journals.")
def integrate(state: Layout, anew: bool) -> None:
    """Add new receipts to the log while no boundary runs."""
    with io_errors():
        journal_of(state)
        try:
            keys = open_keyset(state)
            with progress_bar("integrate") as progress:
                if anew:
                    rebuild(state, keys.published, progress)
                log = Log(state, keys.origin, keys.log)
                try:
                    while log.integrate(keys.published.receipt_key, limit=4096):
                        progress(log.size, log.size)
                finally:
                    log.close()
        except BlockingIOError as error:
            raise CommandError(
                "a running boundary has this log and keeps it up by itself"
            ) from error
        except LogError as error:
            raise CommandError(str(error), NO) from error
    click.echo(f"{log.size} receipts in the log")


@click.command("erase")
@state_option
@click.confirmation_option(prompt="No digest under this key can ever be opened again. Erase it?")
@click.argument("key", metavar="OPENING-KEY")
def erase_opening(state: Layout, key: str) -> None:
    """Delete an opening key for good.

    The digests under it then mean nothing to anybody; everything else still verifies.
    """
    with io_errors():
        journal_of(state)
        settle(state)
        recorder = Recorder.open(state.state, version=__version__, configuration=CONFIGURATION)
        try:
            erase(state.keys, key)
            receipt = recorder.record_now(_erased(key))
        finally:
            recorder.close()
    click.echo(f"erased {key}, as receipt {receipt.id} says")


def _erased(key: str) -> Draft:
    return Draft.of_recorder("key", {"keyId": key, "kind": "erased", "role": "opening"})
