"""The receipts that a report encloses, so that whoever opens it can verify them there.

All of them are proven by one proof: the log's leaves from the first enclosed entry to the last,
and the hashes of what lies outside of that. Where an entry in between isn't of the period, its leaf
hash stands for it. A line of the text is `key signature payload`, or `- leaf` for such an entry;
compressed together, a receipt takes some 300 bytes.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from typing import Any

from helm_boundary.browser_verification.trusted_keys import TrustedKeys
from helm_boundary.receipt_index.filters import Filter
from helm_boundary.receipt_index.index import ReceiptIndex
from helm_boundary.receipt_source.source import Place
from helm_receipts.audit.verify import NOT_PROVEN
from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.errors import LogError, ReceiptError
from helm_receipts.layout import Layout
from helm_receipts.log.merkle_proofs import outside_of
from helm_receipts.log.runs import order_file, read_runs
from helm_receipts.log.tiles import TileReader

_LEVEL = 6


class Enclosure:
    """The receipts of a period with what verifies them."""

    def __init__(self, layout: Layout, index: ReceiptIndex, trusted: TrustedKeys) -> None:
        self._layout = layout
        self._index = index
        self._trusted = trusted
        self._keys: dict[str, int] = {}
        self._public: list[str] = []

    def enclose(self, period: Filter) -> dict[str, Any]:
        """Return the enclosure as JSON; `receipts` is the text, compressed, in base64."""
        note = self._note()
        logged, rest = self._by_log_index(period, parse_checkpoint(note).size if note else 0)
        first, end = (min(logged), max(logged) + 1) if logged else (0, 0)
        lines = [*self._range(logged, first, end, note), *map(self._line, rest)]
        text = gzip.compress("\n".join(lines).encode(), _LEVEL)
        return {
            "keys": self._public,
            "whose": f"the receipts' keys were {self._trusted.whose}",
            "log": self._log(note, first, end) if logged else None,
            "logged": end - first,
            "notProven": list(NOT_PROVEN),
            "receipts": base64.b64encode(text).decode(),
        }

    def _note(self) -> bytes | None:
        try:
            return (self._layout.log / "checkpoint").read_bytes()
        except OSError:
            return None

    def _by_log_index(self, period: Filter, size: int) -> tuple[dict[int, Place], list[Place]]:
        """Find where each receipt is, by its place in the log; the rest isn't in there yet."""
        runs = read_runs(order_file(self._layout), size)
        logged, rest = dict[int, Place](), list[Place]()
        where, values = period.condition()
        found = self._index.connection.execute(
            f'SELECT id, writer, segment, "offset", size FROM receipts WHERE {where} '  # noqa: S608 - names of our own
            "ORDER BY writer, segment, offset",
            values,
        )
        for identity, *place in found:
            writer, _, number = identity.rpartition("-")
            try:
                logged[runs.index_of(writer, int(number))] = Place(*place)
            except LogError:
                rest.append(Place(*place))
        return logged, rest

    def _range(
        self, logged: dict[int, Place], first: int, end: int, note: bytes | None
    ) -> Iterator[str]:
        if note is None:
            return
        tiles = TileReader(self._layout.log, parse_checkpoint(note).size)
        for index in range(first, end):
            place = logged.get(index)
            if place is not None:
                yield self._line(place)
            else:
                yield f"- {base64.b64encode(tiles.nodes(0, index)).decode()}"

    def _log(self, note: bytes | None, first: int, end: int) -> dict[str, Any]:
        assert note is not None  # noqa: S101 - nothing is in a log without a checkpoint
        size = parse_checkpoint(note).size
        nodes = TileReader(self._layout.log, size).nodes
        vkey = self._trusted.log.vkey if self._trusted.log else ""
        return {
            "vkey": vkey,
            "whose": f"the log's key was {self._trusted.whose_log}",
            "note": note.decode("utf-8", "replace"),
            "first": first,
            "outside": [
                base64.b64encode(each).decode() for each in outside_of(first, end, size, nodes)
            ],
        }

    def _line(self, place: Place) -> str:
        """Write a receipt, read from its source."""
        envelope = parse_line(self._index.source.line(place).raw)
        signature = base64.b64encode(envelope.signature).decode()
        return f"{self._key(envelope.keyid)} {signature} {envelope.payload.decode('utf-8')}"

    def _key(self, keyid: str) -> int:
        if keyid not in self._keys:
            self._keys[keyid] = len(self._public)
            try:
                self._public.append(self._trusted.key_of(self._index.source, keyid).raw.hex())
            except ReceiptError:
                self._public.append("")  # nobody vouches for it, and the browser says so
        return self._keys[keyid]
