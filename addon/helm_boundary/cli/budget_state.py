"""The balances of a state folder, opened for a command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from helm_boundary.budgets.embedded import books_file
from helm_boundary.budgets.sqlite_store import SqliteStore
from helm_boundary.budgets.store import Balance, StoreError
from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout

from .exits import CommandError, ending_on

io_errors = partial(ending_on, ReceiptError, StoreError, OSError)
"""Ends a command on what can't be read."""


@contextmanager
def opened(state: Layout) -> Iterator[SqliteStore]:
    """Open the balances of a state folder that has some."""
    if not books_file(state).exists():
        raise CommandError(
            f"expected balances in {state.state}, found none: no boundary has kept a budget there"
        )
    store = SqliteStore(books_file(state))
    try:
        yield store
    finally:
        store.close()


def is_current(balance: Balance) -> bool:
    """Tell whether a balance is of a window that isn't over."""
    return balance.end is None or balance.place.start <= time.time_ns() < balance.end
