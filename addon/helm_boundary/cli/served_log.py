"""The check of a log that is served over HTTP."""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from helm_receipts.audit.site import Fetch, check_site
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout

from .exits import INCOMPLETE, YES, CommandError
from .receipt_results import progress_bar, refusal
from .verification_keys import follow, named_log_key

_SECONDS = 30
_MOST_BYTES = 256 * (65_535 + 2)
_NOT_THERE = 404


def check_served_log(site: str, vkey: str | None, kept: tuple[Path, ...]) -> dict[str, Any]:
    """Check the log at an address; a key must be named, for the site's own shows nothing."""
    if vkey is None:
        raise CommandError("no log key to verify with: name one with --vkey")

    def fetch(path: str) -> bytes | None:
        return _fetch(f"{site.rstrip('/')}/{path}")

    try:
        with progress_bar("fsck") as progress:
            notes = [path.read_bytes() for path in kept]
            keys = _followed(fetch, named_log_key(vkey))
            checkpoint = check_site(fetch, keys, notes, progress)
    except ReceiptError as error:
        return refusal(error)
    return {
        "exit": YES if checkpoint.size else INCOMPLETE,
        "checked": "checkpoint, tiles and entries of the log; receipts aren't served",
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "origin": checkpoint.origin,
        "kept": len(notes),
    }


def _followed(fetch: Fetch, trusted: LogKey) -> list[LogKey]:
    """Return the trusted key and those it handed over to, as the site's files show."""
    with tempfile.TemporaryDirectory(prefix="helm-") as folder:
        layout = Layout(Path(folder))
        layout.log.mkdir()
        for name in ("keys.json", *_handovers(fetch)):
            (layout.log / name).write_bytes(fetch(name) or b"")
        return follow(layout, trusted)


def _handovers(fetch: Fetch) -> list[str]:
    """List the handovers that a site's keys.json speaks of; what it says isn't believed."""
    try:
        sizes = [key["first"] for key in json.loads(fetch("keys.json") or b"{}")["log"][1:]]
    except (ValueError, KeyError, TypeError):
        return []
    return [f"handover-{size}" for size in sizes if isinstance(size, int)]


def _fetch(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - http(s) only
            content: bytes = answer.read(_MOST_BYTES + 1)
            return content
    except urllib.error.HTTPError as error:
        if error.code == _NOT_THERE:
            return None
        raise
