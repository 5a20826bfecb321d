"""Scenes with budgets: the scripted policy with data of the test's own."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helm_boundary.budgets.amounts import Amounts
from helm_boundary.budgets.books import Books, read_books
from helm_boundary.budgets.store import Place
from helm_receipts.layout import Layout
from support.boundary import Boundary
from support.scene import PATIENT, Scene, scene, verify_all
from support.scripted_policy import write_scripted_policy
from support.upstream import Upstream


def write_budget_policy(folder: Path, data: dict[str, Any]) -> Path:
    """Write the scripted policy with that data; returns the folder."""
    written = write_scripted_policy(folder)
    (written / "data.json").write_text(json.dumps(data))
    return written


@contextlib.contextmanager
def budget_scene(folder: Path, data: dict[str, Any], **settings: Any) -> Iterator[Scene]:
    """Run a reverse proxy with budgets before an upstream of our own; in the end, audit it."""
    policy = write_budget_policy(folder / "budgets", data)
    with scene(folder, policy=policy, **settings) as stage:
        yield stage
    assert_books(Layout(folder / "helm"))


@contextlib.contextmanager
def two_boundaries(folder: Path, data: dict[str, Any]) -> Iterator[tuple[Scene, Scene]]:
    """Run two boundaries on one state folder, before one upstream."""
    policy = write_budget_policy(folder / "budgets", data)
    with Upstream() as upstream:
        first, second = (
            Boundary(
                upstream,
                state=folder / name,
                policy=policy,
                options={**PATIENT, "helm_state": folder / "helm"},
            )
            for name in ("a", "b")
        )
        for each in (first, second):
            each.state = folder / "helm"
        with first, second:
            yield Scene(first, upstream), Scene(second, upstream)
    verify_all(first)
    assert_books(Layout(folder / "helm"))


def stored(layout: Layout) -> dict[Place, tuple[Amounts, Amounts]]:
    """Return every balance in the store: what is settled and what is reserved."""
    with contextlib.closing(
        sqlite3.connect(layout.state / "budgets" / "books.sqlite", timeout=10)
    ) as db:
        rows = db.execute(
            "SELECT scope, start, calls, tokens, output_tokens, nanodollars, reserved_calls,"
            " reserved_tokens, reserved_output_tokens, reserved_nanodollars FROM balances"
        ).fetchall()
    return {Place(*row[:2]): (Amounts(*row[2:6]), Amounts(*row[6:])) for row in rows}


def assert_books(layout: Layout) -> Books:
    """Assert that nothing is reserved, and that the receipts come to what the store says."""
    books = read_books(layout.journal)
    told = {each.place: each.settled for each in books.balances()}
    kept = stored(layout)
    assert not any(any(reserved) for _, reserved in kept.values()), kept
    spent = {place: settled for place, (settled, _) in kept.items() if any(settled)}
    assert spent == {place: settled for place, settled in told.items() if any(settled)}
    return books
