"""Budgets of the boundary that runs: opened where data defines some, else not even imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helm_boundary.evaluation.judge import Judge
from helm_boundary.policy.errors import PolicyError
from helm_receipts.layout import Layout

if TYPE_CHECKING:
    from helm_boundary.enforcement.accounts import Accounts


def are_defined(data: Mapping[str, Any]) -> bool:
    """Tell whether a policy's data defines any budget or limit."""
    return bool(data.get("budgets") or data.get("limits"))


def accounts_under(
    known: Accounts | None, judge: Judge, state: Path, *, observes: bool
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
    from helm_boundary.budgets.embedded import open_store
    from helm_boundary.budgets.estimates import Estimates
    from helm_boundary.budgets.store import StoreError
    from helm_boundary.enforcement.accounts import Accounts

    layout = Layout(state)
    try:
        if known is not None:
            return known.under(policy, judge.detectors)
        store = open_store(layout)
    except StoreError as error:
        raise PolicyError(f"the balances can't be opened: {error}") from error
    try:
        return Accounts(policy, store, layout, Estimates(), judge.detectors, observes=observes)
    except StoreError as error:
        store.close()
        raise PolicyError(f"the balances can't be written: {error}") from error
    except BaseException:
        store.close()
        raise
