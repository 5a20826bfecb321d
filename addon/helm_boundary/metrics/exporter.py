"""The exporter: follows a state's receipts, and answers Prometheus."""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import Self

from prometheus_client import CollectorRegistry, start_http_server

from helm_boundary.receipt_index import queries
from helm_boundary.receipt_index.filters import Filter
from helm_boundary.receipt_index.index import ReceiptIndex
from helm_boundary.runtime.labels import Labels
from helm_boundary.runtime.priority import yield_to_calls
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.errors import ReceiptError

from .counts import Counts
from .state import State

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Exporter:
    """Metrics of one state, from now on."""

    def __init__(self, state: SharedState, address: tuple[str, int]) -> None:
        self._state = state
        registry = CollectorRegistry()
        self._labels = Labels()
        self._counts = Counts(registry, self._labels)
        self._source = state.source()
        registry.register(State(state, self._source, self._labels, registry))
        self._server, _ = start_http_server(address[1], address[0], registry)
        self.port = int(self._server.server_port)
        self._ended = threading.Event()
        self.is_counting = False
        """Whether what comes from now on is counted: what was there before has been passed."""
        self._follower = threading.Thread(target=self._follow, daemon=True, name="metrics")

    def start(self) -> Self:
        """Begin to count what comes."""
        self._follower.start()
        return self

    def close(self) -> None:
        """Stop counting and answering."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _follow(self) -> None:
        yield_to_calls()
        index = self._state.open_index(self._source)
        index.refresh()
        last = queries.last_number(index)
        self.is_counting = True
        while not self._ended.wait(LOOK_SECONDS):
            try:
                last = self._count(index, last)
            except (OSError, ReceiptError, sqlite3.Error) as error:
                logger.warning("helm-boundary: receipts can't be counted: %s", error)
        index.close()

    def _count(self, index: ReceiptIndex, last: int) -> int:
        index.refresh()
        rows = list(queries.every(index, Filter(), after=last))
        if rows:  # the names that a new policy writes may be in them already
            self._labels.learn_running(lambda: self._state.boundaries().values())
        for row in rows:
            self._counts.count(row)
        return max((row["seq"] for row in rows), default=last)
