"""Pinning a state folder's keys outside of it, and noticing a folder that isn't the pinned one.

The first start pins the keys that it finds or makes. A later start with other keys goes on only
where they follow from the pinned ones by the receipts of a rotation, or where the folder is empty:
then there is nothing in it to believe, and the new keys are pinned beside the old ones.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from platformdirs import user_config_path

from helm_receipts.audit.pins import Pin, Pins
from helm_receipts.envelope.predicate import rfc3339
from helm_receipts.errors import KeyRefused, PinRefused, ReceiptError
from helm_receipts.export.verified import verify_present
from helm_receipts.journal.records import is_empty
from helm_receipts.layout import Layout
from helm_receipts.log.handovers import follow_handovers
from helm_receipts.log.published_keys import PublishedKeys
from helm_receipts.recording.keyset import open_keyset

logger = logging.getLogger(__name__)

VARIABLE = "HELM_PINS"
"""The environment variable that names another folder for pins."""


def pins() -> Pins:
    """Return the user's pins, from the folder that HELM_PINS names or the configuration folder."""
    named = os.environ.get(VARIABLE)
    if named:
        return Pins(Path(named).absolute())
    return Pins(user_config_path("helm-boundary", appauthor=False) / "pins")


def pin_of(published: PublishedKeys) -> Pin:
    """Make a pin of every key that a folder has published."""
    receipt = tuple(known.key for known in published.receipt)
    log = tuple(known.key for known in published.log)
    return Pin(published.origin, receipt, log, rfc3339(time.time_ns()))


def settle(layout: Layout) -> None:
    """Pin a folder that receipts will be written into, making its keys on first use.

    Where pins can't be kept that is logged in a line: receipts are no worse for it, but what
    verifies them needs a key by name. `KeyRefused` when the folder isn't the one that was pinned.
    """
    published = open_keyset(layout).published
    try:
        _settle(layout, published, pins())
    except (PinRefused, OSError) as error:
        logger.warning(
            "helm-boundary: the keys of %s aren't pinned, so `receipts verify` needs --key and "
            "--vkey for a yes: %s",
            layout.state,
            error,
        )


def _settle(layout: Layout, published: PublishedKeys, kept: Pins) -> None:
    here = kept.of_path(layout)
    pin = here or kept.of_name(layout)
    if pin is None:
        kept.keep(layout, pin_of(published))
    elif pin.knows(published):
        if here is None:  # it was moved here
            kept.keep(layout, pin)
    elif is_empty(layout.journal):
        kept.keep(layout, pin_of(published))
        logger.warning(
            "helm-boundary: %s is empty and has other keys than those pinned on %s: the new ones "
            "are pinned now",
            layout.state,
            pin.since[:10],
        )
    else:
        followed = _follow(layout, published, pin)
        if not followed.knows(published):
            raise KeyRefused(differs(layout, published, pin))
        kept.keep(layout, followed)


def differs(layout: Layout, published: PublishedKeys, pin: Pin) -> str:
    """Say what is wrong with a folder that isn't the pinned one."""
    pinned = pin.receipt[-1].keyid[:16] if pin.receipt else pin.log[-1].id.hex()
    found = published.receipt[-1].key.keyid[:16] if pin.receipt else published.log[-1].key.id.hex()
    return (
        f"the pinned key differs: {layout.state} was known by {pinned}… (pinned {pin.since[:10]}), "
        f"found {found}…, to which no rotation leads. Put the folder back; if you "
        "replaced it, say so: `helm-boundary keys pin --replace`"
    )


def _follow(layout: Layout, published: PublishedKeys, pin: Pin) -> Pin:
    """Add the keys that the pinned ones handed over to, by receipt and checkpoint, to a pin."""
    receipt = list(pin.receipt)
    if receipt and published.receipt[-1].key not in receipt:
        with suppress(ReceiptError):
            followed = verify_present(layout.journal, receipt).keys.values()
            receipt += [key for key in followed if key not in receipt]
    log = [*pin.log[:-1], *follow_handovers(layout.log, pin.log[-1], published)] if pin.log else ()
    return replace(pin, receipt=tuple(receipt), log=tuple(log))
