"""Shipping: batch after batch from the journals, again until it has arrived."""

from __future__ import annotations

import logging
import random
import threading

from .batches import BATCH, Batches
from .destination import Destination, Refused
from .event import event_of

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_LONGEST_WAIT = 60.0


def ship(batches: Batches, destination: Destination, ended: threading.Event) -> None:
    """Ship what there is and what comes, until the end; what didn't arrive is sent again."""
    wait = LOOK_SECONDS
    while not ended.is_set():
        try:
            sent = ship_batch(batches, destination)
        except Refused as error:
            wait = min(wait * 2, _LONGEST_WAIT)
            logger.warning("helm-boundary: decision logs wait for %.0f s: %s", wait, error)
            ended.wait(wait * random.uniform(0.5, 1))  # noqa: S311 - so that not all come back at once
            continue
        wait = LOOK_SECONDS
        if sent < BATCH:
            ended.wait(LOOK_SECONDS)


def ship_batch(batches: Batches, destination: Destination) -> int:
    """Ship one batch; returns how many receipts were in it. Raises Refused."""
    records = batches.next()
    if records:
        destination.send([event_of(record) for record in records])
    batches.advance()
    for place in batches.unread:
        logger.error("helm-boundary: not a receipt, so not in the decision logs: %s", place)
    batches.unread.clear()
    return len(records)
