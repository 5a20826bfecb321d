"""`helm-boundary decision-logs`: decisions for those who run OPA's, or a SIEM."""

from __future__ import annotations

import logging
import threading

import click

from helm_boundary.decision_logs.batches import BATCH, Batches
from helm_boundary.decision_logs.destination import (
    Destination,
    DestinationError,
    Refused,
    read_destination,
)
from helm_boundary.decision_logs.shipping import ship, ship_batch
from helm_boundary.receipt_source.source import CursorTaken, Source
from helm_boundary.runtime.priority import yield_to_calls
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.errors import ReceiptError

from .beside import beside_option, ending
from .exits import NO, CommandError
from .shared_state import existing_state, shared_state_option
from .state_options import io_errors

logger = logging.getLogger(__name__)

_TRY_AGAIN_SECONDS = 5


@click.command("decision-logs")
@shared_state_option
@click.option(
    "--to",
    "where",
    metavar="ADDRESS|FILE",
    required=True,
    help="https://SERVICE (posted to SERVICE/logs), syslog://HOST:PORT, syslog+tcp://…, or a file.",
)
@click.option("--once", is_flag=True, help="Ship what there is, and end.")
@beside_option
def decision_logs(state: SharedState, where: str, once: bool, with_parent: bool) -> None:
    """Ship receipts as OPA's decision logs.

    Each at least once, from where the last run ended. A bearer token is taken from
    HELM_DECISION_LOGS_TOKEN.
    """
    logging.basicConfig(format="%(message)s")
    try:
        destination = read_destination(where)
    except DestinationError as error:
        raise CommandError(f"--to: {error}") from error
    with io_errors(), ending(with_parent=with_parent) as ended:
        source = existing_state(state).source()
        if once:
            _ship_once(source, where, destination)
        else:
            _ship(source, where, destination, ended)


def _ship_once(source: Source, where: str, destination: Destination) -> None:
    try:
        with source.shipping(where) as cursor:
            batches = Batches(source, cursor)
            while ship_batch(batches, destination) == BATCH:
                pass
    except (Refused, CursorTaken) as error:
        raise CommandError(str(error) or "another process ships there already", NO) from error


def _ship(source: Source, where: str, destination: Destination, ended: threading.Event) -> None:
    """Ship until the end; where another process does so already, wait for its place."""
    yield_to_calls()
    while not ended.is_set():
        try:
            with source.shipping(where) as cursor:
                ship(Batches(source, cursor), destination, ended)
        except CursorTaken:
            ended.wait(_TRY_AGAIN_SECONDS)
        except ReceiptError as error:  # a database that is away comes back
            logger.warning("helm-boundary: receipts can't be read: %s", error)
            ended.wait(_TRY_AGAIN_SECONDS)
