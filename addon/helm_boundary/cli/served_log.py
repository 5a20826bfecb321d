"""The check of a log that is served over HTTP."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from helm_receipts.audit.site import check_site
from helm_receipts.errors import ReceiptError

from .exits import INCOMPLETE, YES, CommandError
from .receipt_results import progress_bar, refusal
from .verification_keys import named_log_key

_SECONDS = 30
_MOST_BYTES = 256 * (65_535 + 2)
_NOT_THERE = 404


def check_served_log(site: str, vkey: str | None, kept: tuple[Path, ...]) -> dict[str, Any]:
    """Check the log at an address; a key must be named, for the site's own shows nothing."""
    if vkey is None:
        raise CommandError("no log key to verify with: name one with --vkey")
    try:
        with progress_bar("fsck") as progress:
            notes = [path.read_bytes() for path in kept]
            checkpoint = check_site(
                lambda path: _fetch(f"{site.rstrip('/')}/{path}"),
                named_log_key(vkey),
                notes,
                progress,
            )
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


def _fetch(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - http(s) only
            content: bytes = answer.read(_MOST_BYTES + 1)
            return content
    except urllib.error.HTTPError as error:
        if error.code == _NOT_THERE:
            return None
        raise
