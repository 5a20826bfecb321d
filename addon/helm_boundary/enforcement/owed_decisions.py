"""Decisions that end waits, kept while the state can't be reached, so that no question stays open.

The client that waited has its denial by then. A yes is never owed: what passes is decided before.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from helm_boundary.approvals.decisions import NotPending, Record, decide
from helm_boundary.approvals.store import Store, StoreError
from helm_receipts.errors import ReceiptError

logger = logging.getLogger(__name__)


class OwedDecisions:
    """The decisions of one process that nobody knows of yet.

    There are at most as many as calls waited: while the state can't be reached nobody is asked.
    """

    def __init__(self, store: Store, record: Record) -> None:
        self._store = store
        self._record = record
        self._owed: dict[str, tuple[str, str]] = {}

    def decide(self, identity: str, decision: str, by: str) -> bool:
        """Decide on a request, or owe that; True where it has a decision, this or a faster one."""
        self._owed[identity] = decision, by
        try:
            self._pay(identity)
        except (ReceiptError, StoreError, OSError) as error:
            logger.error("helm-boundary: %s is to be %s later: %s", identity, decision, error)
            return False
        return True

    def pay(self) -> Iterator[None]:
        """Take what is owed to the store, step by step; raises as `decide` of a person does."""
        for identity in list(self._owed):
            self._pay(identity)
            yield

    def _pay(self, identity: str) -> None:
        with contextlib.suppress(NotPending):  # somebody was faster, and that counts
            decide(self._store, self._record, identity, *self._owed[identity])
        del self._owed[identity]
