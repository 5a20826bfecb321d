"""The keys that a page verifies with, and whose they are: its answer is worth no more."""

from __future__ import annotations

from dataclasses import dataclass

from helm_boundary.receipt_source.source import Source
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import KeyRefused, ReceiptError


@dataclass(slots=True)
class TrustedKeys:
    """Receipt keys, the log's last key, and where each came from, in words for a person."""

    receipt: dict[str, PublicKey]
    log: LogKey | None
    whose: str
    whose_log: str
    _followed: bool = False

    def key_of(self, source: Source, keyid: str) -> PublicKey:
        """Return the trusted key of that id, or the one that a trusted key handed over to it.

        Following handovers may verify the whole journal, so that is done once.

        Raises:
            KeyRefused: no trusted key leads to it.
        """
        if keyid not in self.receipt and not self._followed:
            self._followed = True
            try:
                self.receipt |= source.successors(self.receipt)
            except ReceiptError as error:
                raise KeyRefused(f"it names a key that no trusted one leads to: {error}") from error
        if keyid not in self.receipt:
            raise KeyRefused(f"it names the key {keyid[:16]}…, which no trusted one leads to")
        return self.receipt[keyid]
