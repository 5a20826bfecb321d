"""What receipts say of budgets is checked with everything else that they say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope import key_files
from helm_receipts.envelope.statement import BudgetLine, Cost, Draft
from helm_receipts.errors import Broken
from helm_receipts.journal.records import read_records
from support.receipts import outcome, recording, request

LINE = BudgetLine("all", "ever", {"calls": 1}, {"calls": 1, "tokens": 9}, None,
                  {"calls": 2, "tokens": 9})  # fmt: skip
CHARGED = BudgetLine("all", "ever", charged={"calls": 1}, after={"calls": 2})


def written(state: Path, *drafts: Draft) -> None:
    """Write receipts; verify them."""

    async def run() -> None:
        with recording(state) as recorder:
            for draft in drafts:
                await recorder.record(draft)

    asyncio.run(run())
    key = key_files.load(state / "keys" / "receipt.pem", "receipt").public
    verify_journal(state / "journal", [key])


def ends(*lines: BudgetLine) -> Draft:
    """Return an outcome with those charges."""
    return replace(outcome("a"), budget=lines, cost=Cost("provider", 5, "0" * 64))


def test_a_call_is_charged_where_it_reserved(tmp_path: Path) -> None:
    """And an outcome that says nothing of budgets is one of a version without."""
    written(tmp_path / "said", replace(request("a"), budget=(LINE,)), ends(CHARGED))
    written(tmp_path / "unsaid", replace(request("a"), budget=(LINE,)), outcome("a"))


@pytest.mark.parametrize(
    "drafts",
    [
        (replace(request("a"), budget=(replace(LINE, after={"calls": 3}),)), outcome("a")),
        (replace(request("a"), budget=(replace(
            LINE, reserved={"calls": -1}, after={"calls": 0}),)), outcome("a")),
        (replace(request("a"), budget=(LINE,)), ends(replace(CHARGED, scope="other"))),
        (replace(request("a"), budget=(LINE,)), ends(
            CHARGED, replace(CHARGED, scope="more"))),
        (replace(request("a"), budget=(LINE,)), ends(replace(CHARGED, charged={"calls": -1}))),
    ],
)  # fmt: skip
def test_books_that_do_not_add_up_are_named(tmp_path: Path, drafts: tuple[Draft, ...]) -> None:
    """As `wrong-books`, with the receipt in which it shows."""
    with pytest.raises(Broken, match="wrong-books"):
        written(tmp_path, *drafts)


def test_a_call_that_nobody_ended_is_charged_what_it_reserved(tmp_path: Path) -> None:
    """By the outcome that the recorder writes for it, marked as an estimate."""
    written(tmp_path, replace(request("a"), budget=(replace(LINE, shadow=True),)))
    ended = [r.predicate for r in read_records(tmp_path / "journal")]
    (killed,) = [each for each in ended if each["phase"] == "outcome"]
    assert killed["cost"] == {"usage": "estimated"}
    assert killed["budget"] == [
        {"scope": "all", "window": "ever", "shadow": True, "charged": {"calls": 1, "tokens": 9}}
    ]
