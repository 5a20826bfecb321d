"""The process that a fleet's reservation belongs to: known by a row that it renews."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping

from . import database_statements as sql
from .amounts import Amounts
from .database_access import Database
from .store import Place, StoreError

logger = logging.getLogger(__name__)

GONE_SECONDS = 60
"""A process that hasn't renewed its row for so long is gone, and what it reserved is settled."""
_BEAT_SECONDS = 5.0
_MOST_DOUBTS = 10_000

type Charged = Mapping[Place, Amounts]


class DatabaseOwner:
    """This process among those of a fleet, and what it couldn't tell the database yet."""

    def __init__(self, database: Database, settle: Callable[[str, Charged], bool]) -> None:
        """Enter the process; `StoreError` where the database can't be reached."""
        self.name = secrets.token_hex(8)
        self._database = database
        self._settle = settle
        self._doubts: dict[str, Charged] = {}
        self._ahead = 0
        self._closed = threading.Event()
        self._beat()
        self._thread = threading.Thread(target=self._go_on, name="helm-budgets-owner", daemon=True)
        self._thread.start()

    def now_ns(self) -> int:
        """Return the server's time: this machine's, and how far the server's was ahead of it."""
        return time.time_ns() + self._ahead

    def doubt(self, call: str, charged: Charged) -> None:
        """Settle a call as soon as the database can be asked: nobody knows what it has of it."""
        if len(self._doubts) < _MOST_DOUBTS:
            self._doubts[call] = charged

    def close(self) -> None:
        """Take the process out; what it has reserved then belongs to nobody."""
        self._closed.set()
        self._thread.join()
        try:
            self._database.ask(sql.LEAVE, (self.name,))
        except StoreError as error:  # found after GONE_SECONDS all the same
            logger.warning("helm-boundary: budgets: %s", error)

    def _go_on(self) -> None:
        while not self._closed.wait(_BEAT_SECONDS):
            try:
                self._beat()
                self._settle_doubts()
            except StoreError as error:
                logger.warning("helm-boundary: budgets: %s", error)

    def _beat(self) -> None:
        began = time.time_ns()
        ((microseconds,),) = self._database.ask(sql.BEAT, (self.name,))
        self._ahead = microseconds * 1000 - (began + time.time_ns()) // 2

    def _settle_doubts(self) -> None:
        for call, charged in list(self._doubts.items()):
            self._settle(call, charged)
            self._doubts.pop(call, None)
