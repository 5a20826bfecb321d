"""What the page reads of receipts, away from the thread that answers browsers."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from helm_boundary.browser_verification.evidence import evidence_of
from helm_boundary.browser_verification.trusted_keys import TrustedKeys
from helm_boundary.receipt_index import queries
from helm_boundary.receipt_index.filters import Filter
from helm_boundary.receipt_index.index import ReceiptIndex
from helm_boundary.runtime.priority import yield_to_calls
from helm_receipts.envelope.record import Record
from helm_receipts.errors import ReceiptError
from helm_receipts.export.explain import explain
from helm_receipts.journal.reader import read_record

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
SPANS = {"hour": (3600, 60), "day": (24 * 3600, 96), "week": (7 * 24 * 3600, 84)}
"""What charts are over: how long, in seconds, and in how many parts."""


class Ledger:
    """A state's receipts, indexed by one thread and read by two others.

    Sums take longer than lists, so they have a thread of their own.
    """

    def __init__(self, index: ReceiptIndex, trusted: Callable[[], TrustedKeys]) -> None:
        self._index = index
        self._trusted = trusted
        self._lists = ThreadPoolExecutor(1, "ledger-lists", self._open_reader)
        self._sums = ThreadPoolExecutor(1, "ledger-sums", self._open_reader)
        self._own = threading.local()
        self._ended = threading.Event()
        self.is_current = False
        """Whether everything that was there at the start has been brought in."""
        self._follower = threading.Thread(target=self._follow, name="ledger-index", daemon=True)

    def start(self) -> None:
        """Begin to follow what comes."""
        self._follower.start()

    def close(self) -> None:
        """Stop following and reading."""
        self._ended.set()
        for reader in (self._lists, self._sums):
            reader.shutdown(wait=False)

    def ask[Found](self, question: Callable[[ReceiptIndex], Found]) -> Future[Found]:
        """Ask the index something that takes a moment."""
        return self._lists.submit(lambda: question(self._own.index))

    def choices(self) -> Future[dict[str, list[str]]]:
        """List the names to filter by."""
        return self._sums.submit(lambda: queries.choices(self._own.index))

    def news(self, wanted: Filter, seq: int, limit: int) -> Future[dict[str, Any]]:
        """List what came after a number, and say how far the index is."""

        def look(index: ReceiptIndex) -> dict[str, Any]:
            rows = queries.since(index, wanted, seq, limit)
            return {
                "receipts": rows,
                "last": queries.last_number(index),
                "isCurrent": self.is_current,
            }

        return self.ask(look)

    def page(
        self, wanted: Filter, limit: int, before: queries.Place | None
    ) -> Future[dict[str, Any]]:
        """List receipts, the latest first."""

        def look(index: ReceiptIndex) -> dict[str, Any]:
            last = queries.last_number(index)
            rows = queries.latest(index, wanted, limit, before)
            return {"receipts": rows, "last": last, "isCurrent": self.is_current}

        return self.ask(look)

    def charts(self, wanted: Filter, span: str) -> Future[dict[str, Any]]:
        """Sum up calls over an hour, a day or a week until now."""
        seconds, parts = SPANS[span]
        width = seconds * 1_000_000 // parts
        begin = (time.time_ns() // 1000 // width - parts + 1) * width

        def look() -> dict[str, Any]:
            spans = queries.over_time(self._own.index, wanted, begin, width, parts)
            return {"begin": begin, "width": width, "parts": parts, "spans": spans}

        return self._sums.submit(look)

    def story(self, identity: str) -> Future[dict[str, Any] | None]:
        """Tell a receipt's whole call, each receipt as it describes itself; None for an unknown."""

        def look(index: ReceiptIndex) -> dict[str, Any] | None:
            place = queries.place_of(index, identity)
            if place is None:
                return None
            rows = queries.of_same_call(index, identity)
            return {"id": identity, "receipts": [self._told(index, row) for row in rows]}

        return self.ask(look)

    def evidence(self, identity: str) -> Future[dict[str, Any] | None]:
        """Return what a browser verifies a receipt with; None for an unknown one.

        The future raises ReceiptError where there is no evidence.
        """

        def look(index: ReceiptIndex) -> dict[str, Any] | None:
            record = self._record(index, identity)
            if record is None:
                return None
            return evidence_of(index.source, self._trusted(), record)

        return self.ask(look)

    def _told(self, index: ReceiptIndex, row: dict[str, Any]) -> dict[str, Any]:
        try:
            record = self._record(index, row["id"])
        except (ReceiptError, OSError) as error:
            return row | {"explanation": [f"it can't be read: {error}"], "predicate": {}}
        assert record is not None  # noqa: S101 - the row has its place
        return row | {"explanation": explain(record), "predicate": record.predicate}

    def _record(self, index: ReceiptIndex, identity: str) -> Record | None:
        """Read a receipt where the index says it is; what is there now may be something else."""
        place = queries.place_of(index, identity)
        if place is None:
            return None
        line = index.source.line(place)
        record = read_record(line)
        if record.id != identity:
            raise ReceiptError(f"expected receipt {identity} as {line}, found {record.id}")
        return record

    def _open_reader(self) -> None:
        self._own.index = self._index.another()

    def _follow(self) -> None:
        yield_to_calls()
        index = self._index.another()
        while not self._ended.wait(LOOK_SECONDS if self.is_current else 0):
            try:
                index.refresh()
                self.is_current = True
            except (OSError, ReceiptError, sqlite3.Error) as error:
                logger.warning("helm-boundary: the index can't be brought up to date: %s", error)
                self._ended.wait(5)
        index.close()
