"""The keys that a command verifies with, and whose they are: its answer is worth no more.

A key that was named counts most, then one that is pinned outside of the folder. What is in the
folder itself, private keys included, shows only that it is consistent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from helm_boundary.browser_verification.trusted_keys import TrustedKeys
from helm_boundary.receipt_source.source import Source
from helm_boundary.runtime.key_pinning import differs, pins
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.audit.keys_in_use import differences
from helm_receipts.audit.pins import Pin
from helm_receipts.audit.published_files import REMEDY
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey, read_public_key
from helm_receipts.errors import Broken, KeyRefused, ReceiptError
from helm_receipts.layout import Layout
from helm_receipts.log.handovers import follow_handovers
from helm_receipts.log.published_keys import PublishedKeys, read_published

from .exits import CommandError

NAMED = "named by you"
PINNED = "pinned outside of the folder"
KEPT = "of the checkpoint that you kept"
_ABOUT_KEYS = ("checkpoint", "foreign-key")
FOUND = "found in the folder itself, which shows that it is consistent, not whose it is"


@dataclass(frozen=True, slots=True)
class Trust:
    """Receipt keys, the log's keys from the trusted one on, and where each came from."""

    receipt: list[PublicKey]
    log: list[LogKey]
    whose: str
    """Where the receipt keys came from."""
    whose_log: str
    pin: Pin | None = None

    def key_of(self, keyid: str) -> PublicKey:
        """Return the trusted key that a receipt names; any other one will refuse it."""
        return next((key for key in self.receipt_keys if key.keyid == keyid), self.receipt[0])

    @property
    def receipt_keys(self) -> list[PublicKey]:
        """The receipt keys; a refusal where none was named."""
        if not self.receipt:
            raise CommandError("no receipt key to verify with: name one with --key")
        return self.receipt

    @property
    def log_keys(self) -> list[LogKey]:
        """The log's keys; a refusal where none was named."""
        if not self.log:
            raise CommandError("no log key to verify with: name one with --vkey")
        return self.log

    def whose_folder(self, *, kept: bool = False) -> str:
        """Say whose keys a folder was checked with as a whole.

        The log's entries name the key of each receipt, so its key vouches for theirs; a
        checkpoint that the auditor kept vouches for the log's key.
        """
        if self.whose_log == FOUND:
            log = KEPT if kept else FOUND
            return log if self.whose == FOUND else f"{self.whose}; the log's {log}"
        if self.whose in (FOUND, self.whose_log):
            return self.whose_log
        return f"{self.whose}; the log's {self.whose_log}"

    def whose_proof(self) -> str:
        """Say whose keys a receipt with a proof was checked with: both were used."""
        same = self.whose == self.whose_log
        return self.whose if same else f"{self.whose}; the log's {self.whose_log}"

    def name_rightly(self, state: Layout, error: ReceiptError) -> ReceiptError:
        """Return what is wrong, which may be that the keys are not the folder's."""
        if isinstance(error, Broken) and error.kind not in _ABOUT_KEYS:
            return error
        if self.pin is not None:
            with suppress(KeyRefused):
                published = read_published(state)
                if self.pin.contradicts(published):
                    what = differs(state, published, self.pin)
                    return Broken("pinned-key", state.state, what)
        if FOUND in (self.whose, self.whose_log):
            swapped = next(differences(state), None)
            if swapped is not None and swapped.file == "keys.json":
                return Broken("published-keys", "log/keys.json", f"it {swapped.found}; {REMEDY}")
        return error


def trust_for(state: Layout, keys: tuple[Path, ...] = (), vkey: str | None = None) -> Trust:
    """Return the keys that were named, or else those that are pinned, or the folder's own."""
    receipt = [read_public_key(path.read_bytes()) for path in keys]
    log = follow(state, named_log_key(vkey)) if vkey else []
    whose, whose_log, pin = NAMED, NAMED, None
    if not (receipt and log):
        with suppress(OSError):  # somebody else's folder: then nothing is pinned for this user
            pin = pins().find(state)
    if pin is not None and pin.receipt and not receipt:
        receipt, whose = list(pin.receipt), _since(pin)
    if pin is not None and pin.log and not log:
        log, whose_log = _pinned_chain(state, pin), _since(pin)
    own = None if receipt and log else _published(state)
    if own is not None and not receipt:
        receipt, whose = [known.key for known in own.receipt], FOUND
    if own is not None and not log:
        log, whose_log = _chain(state, own), FOUND
    if not (receipt or log):
        raise CommandError(
            f"no key to verify with: name one with --key, or look into {state.state}"
        )
    return Trust(receipt, log, whose, whose_log, pin)


def trusted_keys(state: Layout) -> TrustedKeys:
    """Return the keys that a browser is given: those that are pinned, or else the folder's own."""
    try:
        trust = trust_for(state)
    except CommandError as error:
        return TrustedKeys({}, None, str(error), str(error))
    keys = {key.keyid: key for key in trust.receipt}
    return TrustedKeys(keys, trust.log[-1] if trust.log else None, trust.whose, trust.whose_log)


def trust_of(state: SharedState) -> Callable[[Source], TrustedKeys]:
    """Return what looks up the keys that a browser is given.

    Those of a folder are looked up once; a database has more with each boundary that starts.
    """
    if state.database is None:
        once = functools.cache(lambda: trusted_keys(state.layout))
        return lambda _source: once()
    return _registered_keys


def _registered_keys(source: Source) -> TrustedKeys:
    known, whose = source.published(), FOUND.replace("folder", "database")
    if known is None:
        return TrustedKeys({}, None, "no log has published keys yet", "none")
    keys = {each.key.keyid: each.key for each in known.receipt}
    return TrustedKeys(keys, known.log[-1].key, whose, whose)


def named_log_key(text: str) -> LogKey:
    """Read the log key in a vkey, or in a file that holds one."""
    path = Path(text)
    return LogKey.parse(path.read_text() if path.is_file() else text)


def follow(state: Layout, log: LogKey) -> list[LogKey]:
    """Return the log key and those it has handed over to."""
    try:
        return follow_handovers(state.log, log, read_published(state))
    except KeyRefused:
        return [log]


def _since(pin: Pin) -> str:
    return f"{PINNED} since {pin.since[:10]}"


def _pinned_chain(state: Layout, pin: Pin) -> list[LogKey]:
    """Return the pinned log keys and those they handed over to.

    A copy under another path may be older than the last handover: it ends with the key it had.
    """
    chain = [*pin.log[:-1], *follow(state, pin.log[-1])]
    if pins().of_path(state) is None:
        with suppress(KeyRefused):
            last = read_published(state).log[-1].key
            return chain[: chain.index(last) + 1] if last in chain else chain
    return chain


def _published(state: Layout) -> PublishedKeys | None:
    return read_published(state) if (state.log / "keys.json").exists() else None


def _chain(state: Layout, own: PublishedKeys) -> list[LogKey]:
    """Return the folder's log keys from the first on, or the last if none was handed over."""
    chain = follow_handovers(state.log, own.log[0].key, own)
    return chain if chain[-1] == own.log[-1].key else [own.log[-1].key]
