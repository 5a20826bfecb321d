"""Published files, held against the keys that are in use.

Other tools read `receipt.pub.pem`, `log.vkey` and `trusted_root.json` and never ask where they
came from, so one that was swapped would have them trust somebody else. `keys.json` must end with
the keys that sign now; the other three say the same as it does.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import PublishedKeys, in_other_forms

REMEDY = "`helm-boundary keys publish` writes it anew from the keys in use"


@dataclass(frozen=True, slots=True)
class Difference:
    """A published file that doesn't say what it should."""

    file: str
    found: str

    def __str__(self) -> str:
        """Say it in a line, with what to do."""
        return f"log/{self.file} {self.found}; {REMEDY}"


def compare(layout: Layout, known: PublishedKeys) -> Iterator[Difference]:
    """List the other files that don't say what `keys.json` does; a copy may lack some."""
    receipt, log = known.receipt[-1].key, known.log[-1].key
    for name, expected in in_other_forms(known).items():
        path = layout.log / name
        if path.is_file() and _meaning(path.read_bytes()) != _meaning(expected):
            signing = f"receipts are signed by {receipt.keyid[:16]}…, checkpoints by {log.vkey}"
            yield Difference(name, f"names another key, or none: {signing}")


def _meaning(text: bytes) -> object:
    """Read JSON, or else words: white space is nobody's attack."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.split()
