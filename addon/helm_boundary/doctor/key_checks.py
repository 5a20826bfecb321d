"""Checks of the keys: the folder has the pinned ones, and what is published names them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from helm_boundary.runtime.key_pinning import differs, pins
from helm_receipts.audit.keys_in_use import differences
from helm_receipts.audit.published_files import REMEDY
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published

from .finding import NO, UNKNOWN, Finding, judged


def look_at_keys(state: Path) -> Iterator[Finding]:
    """Check that the published keys are those that sign, and the pinned ones, if any are."""
    layout = Layout(state)
    if not (layout.log / "keys.json").exists():
        return
    looked_at = "what is published names the keys in use"
    try:
        swapped = [f"log/{each.file} {each.found}" for each in differences(layout)]
    except OSError as error:
        yield Finding(looked_at, UNKNOWN, str(error), "run doctor as its user")
        return
    yield judged(not swapped, looked_at, "; ".join(swapped) or str(layout.log), REMEDY)
    yield from _look_at_pin(layout)


def _look_at_pin(layout: Layout) -> Iterator[Finding]:
    """Check the keys against the pin; yield nothing where this user has none."""
    looked_at = "the keys are the pinned ones"
    try:
        pin, published = pins().find(layout), read_published(layout)
    except (KeyRefused, OSError) as error:
        yield Finding(looked_at, UNKNOWN, str(error), "see what pins there are")
        return
    if pin is None:
        return
    if pin.contradicts(published):
        remedy = "put the folder back, or say so: helm-boundary keys pin --replace"
        yield Finding(looked_at, NO, differs(layout, published, pin), remedy)
        return
    yield judged(True, looked_at, f"pinned on {pin.since[:10]}", "")
