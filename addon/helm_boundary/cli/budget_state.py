"""The balances of a state, opened for a command, and the receipts that they follow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import click

from helm_boundary.budgets.store import Balance, Store, StoreError
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout

from .exits import CommandError, ending_on
from .state_copies import layout_of

io_errors = partial(ending_on, ReceiptError, StoreError, OSError)
"""Ends a command on what can't be read."""


@contextmanager
def opened(state: SharedState) -> Iterator[Store]:
    """Open the balances of a state that has some."""
    store = state.open_balances()
    if store is None:
        raise CommandError(
            f"expected balances in {state}, found none: no boundary has kept a budget there"
        )
    try:
        yield store
    finally:
        store.close()


def receipts_of(state: SharedState) -> Layout:
    """Return a folder with the receipts as they are now: a database's are copied."""
    context = click.get_current_context()
    place = state.database or state.layout.state
    return layout_of(context, place, anew=False, follows=False)


def is_current(balance: Balance) -> bool:
    """Tell whether a balance is of a window that isn't over."""
    return balance.end is None or balance.place.start <= time.time_ns() < balance.end
