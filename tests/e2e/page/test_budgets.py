"""Budgets on the page and in metrics, where a boundary keeps some."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from helm_boundary.budgets.shares import shares
from helm_boundary.metrics.state import State
from helm_boundary.runtime.labels import Labels
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.layout import Layout
from support.browser import chromium, missing
from support.budgets import budget_scene
from support.receipts import record_calls
from support.watching import watching

DATA = {
    "budgets": {
        "daily": {"limit": {"calls": 4}, "window": "day"},
        "each": {"per": ["model"], "limit": {"calls": 10, "tokens": 100_000}},
    }
}


def test_what_is_used_is_told(tmp_path: Path) -> None:
    """Each limit with what is used of it; in metrics the fullest scope, by the budget's name."""
    with budget_scene(tmp_path, DATA) as stage:
        for _ in range(3):
            stage.chat()
        layout = Layout(stage.boundary.state)
        state = SharedState(layout)
        store = state.open_balances()
        assert store is not None
        found = {(share.scope, share.kind): share for share in shares(store)}
        store.close()
        assert found["daily", "calls"].ratio == 0.75
        assert (found["each:model=ordinary", "calls"].used, len(found)) == (3, 3)
        registry = CollectorRegistry()
        registry.register(State(state, state.source(), Labels(), registry))
        name = "helm_boundary_budget_used_ratio"
        assert registry.get_sample_value(name, {"budget": "daily"}) == 0.75
        assert registry.get_sample_value(name, {"budget": "each"}) == pytest.approx(0.3)
        with watching(layout.state) as page:
            told = page.signed_in().get("/api/budgets")["budgets"]
            assert [each["budget"] for each in told] == ["daily", "each", "each"]
            if missing() is None:
                _look(page.whole, tmp_path)


def _look(url: str, folder: Path) -> None:
    with chromium(folder) as browser:
        browser.open(url)
        browser.see("Budgets", "daily", "3 of 4 calls", "each:model=ordinary")
        assert browser.run("return document.querySelector('#budgets-list meter').value") == 0.75


def test_without_budgets_there_are_none(tmp_path: Path) -> None:
    """No section on the page, no series."""
    record_calls(tmp_path, 1)
    assert SharedState(Layout(tmp_path)).open_balances() is None
