"""Published files, held against the keys that are in use.

Other tools read `receipt.pub.pem`, `log.vkey` and `trusted_root.json` and never ask where they
came from, so one that was swapped would have them trust somebody else. `keys.json` must end with
the keys that sign now; the other three say the same as it does.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from helm_receipts.envelope.checkpoint import LogKey, parse_vkey
from helm_receipts.envelope.public_keys import PublicKey, read_public_key
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import PublishedKeys, trusted_root

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
    pem = _read(layout, "receipt.pub.pem")
    if pem is not None and _key_in(pem) != receipt:
        found = _key_in(pem)
        holds = f"holds the key {found.keyid[:16]}…" if found else "holds no key"
        yield Difference(
            "receipt.pub.pem", f"{holds}, but receipts are signed by {_short(receipt)}"
        )
    vkey = _read(layout, "log.vkey")
    if vkey is not None and _log_key_in(vkey) != log:
        found_log = _log_key_in(vkey)
        holds = f"holds {found_log.vkey}" if found_log else "holds no key"
        yield Difference("log.vkey", f"{holds}, but checkpoints are signed by {log.vkey}")
    root = _read(layout, "trusted_root.json")
    if root is not None and _json_in(root) != trusted_root(known):
        yield Difference("trusted_root.json", f"describes another log than {log.vkey}")


def _short(key: PublicKey) -> str:
    return f"{key.keyid[:16]}…"


def _read(layout: Layout, name: str) -> bytes | None:
    path = layout.log / name
    return path.read_bytes() if path.is_file() else None


def _key_in(text: bytes) -> PublicKey | None:
    try:
        return read_public_key(text)
    except KeyRefused:
        return None


def _log_key_in(text: bytes) -> LogKey | None:
    try:
        return parse_vkey(text.decode())
    except (KeyRefused, ValueError):
        return None


def _json_in(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
