"""Budgets of the boundary that runs: opened where data defines some, else not even imported."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helm_boundary.evaluation.judge import Judge
from helm_boundary.policy.errors import PolicyError
from helm_receipts.database.address import Address
from helm_receipts.layout import Layout

if TYPE_CHECKING:
    from helm_boundary.budgets.books import Recent
    from helm_boundary.budgets.store import Store
    from helm_boundary.enforcement.accounts import Accounts


def are_defined(data: Mapping[str, Any]) -> bool:
    """Tell whether a policy's data defines any budget or limit."""
    return bool(data.get("budgets") or data.get("limits"))


def accounts_under(
    known: Accounts | None,
    judge: Judge,
    state: Path,
    database: Address | None = None,
    *,
    observes: bool,
) -> Accounts | None:
    """Return the accounts of calls under a policy; `known` are those under the one before.

    The balances are opened when they are first needed. Accounts that are open stay so for the calls
    that go on.

    Raises:
        PolicyError: a budget can't be read, or its balances can't be opened.
    """
    policy = judge.engine.policy
    if known is None and not are_defined(policy.own_data):
        return None
    from helm_boundary.budgets.estimates import Estimates
    from helm_boundary.budgets.store import StoreError
    from helm_boundary.enforcement.accounts import Accounts

    try:
        if known is not None:
            return known.under(policy, judge.detectors)
        store, recent = _open(state, database)
    except StoreError as error:
        raise PolicyError(f"the balances can't be opened: {error}") from error
    try:
        return Accounts(policy, store, recent, Estimates(), judge.detectors, observes=observes)
    except StoreError as error:
        store.close()
        raise PolicyError(f"the balances can't be written: {error}") from error
    except BaseException:
        store.close()
        raise


def _open(state: Path, database: Address | None) -> tuple[Store, Recent]:
    """Open the balances, and what reads the receipts that they follow."""
    if database is not None:
        from helm_boundary.budgets.fleet import open_store as open_fleets

        return open_fleets(database)
    from helm_boundary.budgets.books import records
    from helm_boundary.budgets.embedded import open_store

    layout = Layout(state)
    return open_store(layout), partial(records, layout.journal)
