"""Whose keys a command verifies with, which is what its answer is worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from helm_boundary.cli.state_options import StateError
from helm_receipts.checkpoint import LogKey, parse_vkey
from helm_receipts.errors import KeyRefused
from helm_receipts.keys import PublicKey, load, read_public_key
from helm_receipts.layout import Layout
from helm_receipts.publish import read_published
from helm_receipts.rotation import follow_handovers

NAMED = "named by you"
OWN = "of this state folder (its private key is here)"
FOUND = "found in the folder itself, which shows that it is consistent, not whose it is"


@dataclass(frozen=True, slots=True)
class Trust:
    """Receipt keys, the log's keys from the trusted one on, and where they came from."""

    receipt: list[PublicKey]
    log: list[LogKey]
    whose: str

    def key_of(self, keyid: str) -> PublicKey:
        """The trusted key that a receipt names; any other one will refuse it."""
        return next((key for key in self.receipt if key.keyid == keyid), self.receipt[0])

    @property
    def log_keys(self) -> list[LogKey]:
        """The log's keys; a refusal where none was named."""
        if not self.log:
            raise StateError("no log key to verify with: name one with --vkey")
        return self.log


def trust_for(state: Layout, keys: tuple[Path, ...] = (), vkey: str | None = None) -> Trust:
    """The keys that were named, and for what wasn't, those of the state folder."""
    own = _of_folder(state)
    receipt = [read_public_key(path.read_bytes()) for path in keys]
    log = _follow(state, _named_log_key(vkey)) if vkey else []
    if receipt and log:
        return Trust(receipt, log, NAMED)
    if own is None and not (receipt or log):
        raise StateError(f"no key to verify with: name one with --key, or look into {state.state}")
    if own is None:
        return Trust(receipt, log, NAMED)
    if not (receipt or log):
        return own
    # What wasn't named comes from the folder, so that part is only as good as the folder.
    rest = "" if own.whose == OWN else f"; the rest {FOUND}"
    return Trust(receipt or own.receipt, log or own.log, NAMED + rest)


def _of_folder(state: Layout) -> Trust | None:
    if not (state.log / "keys.json").exists():
        return None
    published = read_published(state)
    keys = [known.key for known in published.receipt]
    return Trust(keys, [published.log[-1].key], OWN if _is_own(state, keys[-1]) else FOUND)


def _is_own(state: Layout, key: PublicKey) -> bool:
    path = state.keys / "receipt.pem"
    return path.exists() and load(path, "receipt").public == key


def _named_log_key(text: str) -> LogKey:
    path = Path(text)
    return parse_vkey(path.read_text() if path.is_file() else text)


def _follow(state: Layout, log: LogKey) -> list[LogKey]:
    """The named key and those it has handed over to."""
    try:
        return follow_handovers(state.log, log, read_published(state))
    except KeyRefused:
        return [log]
