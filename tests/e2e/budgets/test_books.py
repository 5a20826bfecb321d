"""The books of a boundary that ran: commands, restarts, lost files, and what can't be reached."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.approvals import until
from support.boundary import Boundary, StartFailed
from support.budgets import assert_books, budget_scene, write_budget_policy
from support.scene import Scene, chat_body
from support.upstream import Break, Pause, Reply, Upstream

PROGRAM = Path(sys.executable).parent / "helm-boundary"
DATA = {
    "budgets": {
        "all": {"limit": {"calls": 4, "dollars": 1}, "window": "month"},
        "each": {"per": ["model"], "limit": {"tokens": 100_000}},
    },
    "prices": {"*": {"input": 1, "output": 2}},
}


def budgets(state: Path, *arguments: str, code: int = 0) -> str:
    """Run `helm-boundary budgets`; assert its exit code, return what it printed."""
    done = subprocess.run(
        [PROGRAM, "budgets", *arguments, "--state", state],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done
    return done.stdout + done.stderr


def test_commands_show_correct_and_check_the_books(tmp_path: Path) -> None:
    """A reset lets calls pass again, with a receipt that says who did it; the sums still fit."""
    with budget_scene(tmp_path, DATA) as stage:
        state = stage.boundary.state
        for _ in range(4):
            assert stage.chat().status == 200
        assert stage.chat().status == 403
        listed = budgets(state, "list")
        assert "4 / 4" in listed
        assert "each:model=ordinary" in listed
        (row,) = map(json.loads, budgets(state, "show", "all", "--json").splitlines())
        assert row["used"]["calls"] == row["limit"]["calls"] == 4
        assert row["limit"]["dollars"] == 1
        assert "all: budget" in budgets(state, "show", "all")
        budgets(state, "show", "al", code=1)

        assert "calls 0" in budgets(state, "reset", "all")
        assert stage.chat().status == 200
        assert "calls 4" in budgets(state, "set", "all", "--calls", "4", "--dollars", "0.5")
        assert stage.chat().status == 403
        budgets(state, "set", "nobody", "--calls", "1", code=1)
        budgets(state, "set", "all", code=2)

        assert "are what the receipts come to" in budgets(state, "recompute")
        changes = [
            record.predicate
            for record in read_records(Layout(state).journal)
            if record.predicate["phase"] == "budget"
        ]
        assert [each["event"]["kind"] for each in changes] == ["reset", "set"]
        assert all("(command line)" in each["event"]["by"] for each in changes)
        shown = subprocess.run(
            [PROGRAM, "receipts", "fsck", "--state", state], capture_output=True, timeout=60
        )
        assert shown.returncode in (0, 3), shown


def test_receipts_are_the_truth(tmp_path: Path) -> None:
    """A lost, altered or damaged file of balances is written again from them."""
    with budget_scene(tmp_path, DATA) as stage:
        for _ in range(3):
            assert stage.chat().status == 200
        stage.boundary.stop()
        file = stage.boundary.state / "budgets" / "books.sqlite"

        with contextlib.closing(sqlite3.connect(file)) as db:
            db.execute("UPDATE balances SET calls = 0")
            db.commit()
        assert "receipts say" in budgets(stage.boundary.state, "recompute", code=1)
        assert "2 balances" in budgets(stage.boundary.state, "rebuild")
        assert_books(Layout(stage.boundary.state))

        for damage in (b"this is no database" * 100, None):
            for each in file.parent.glob(f"{file.name}*"):
                each.unlink()
            if damage is not None:
                file.write_bytes(damage)
            stage.boundary.start()
            assert_books(Layout(stage.boundary.state))
            stage.boundary.stop()
        stage.boundary.start()
        assert stage.post(chat_body()).status == 200
        assert stage.post(chat_body()).status == 403


def test_a_call_that_a_crash_cut_off_is_charged_and_marked(tmp_path: Path) -> None:
    """Its outcome says that it was killed, and that what it reserved is an estimate."""
    with budget_scene(tmp_path, DATA) as stage:
        stage.upstream.answer(lambda _: Reply.raw(Pause(20), Break.CLOSE))
        with stage.wire() as wire:
            wire.send(stage.request(chat_body(max_tokens=77)))
            until(lambda: stage.upstream.requests or None)
            stage.boundary.kill()
        stage.upstream.answer(lambda _: None)
        stage.boundary.start()
        assert stage.chat().status == 200  # whoever comes first settles what was left
        killed = [
            record.predicate
            for record in read_records(Layout(stage.boundary.state).journal)
            if record.predicate.get("outcome", {}).get("end") == "killed"
        ]
        (outcome,) = killed
        assert outcome["cost"] == {"usage": "estimated"}
        assert outcome["budget"][0]["charged"]["outputTokens"] == 77
        assert outcome["budget"][0]["charged"]["calls"] == 1


def test_a_store_that_can_not_be_reached_denies(tmp_path: Path) -> None:
    """BUDGET_ERROR, with two receipts, and the upstream sees nothing."""
    with budget_scene(tmp_path, DATA) as stage:
        assert stage.chat().status == 200
        file = stage.boundary.state / "budgets" / "books.sqlite"
        away = file.with_name("away")
        file.rename(away)
        with stage.untouched():
            refused = stage.chat()
        assert refused.status == 403
        assert refused.json()["error"]["code"] == "BUDGET_ERROR"
        assert len(stage.records(refused.correlation)) == 2
        away.rename(file)
        assert stage.chat().status == 200


def test_budgets_come_and_change_with_the_policy(tmp_path: Path) -> None:
    """While the boundary runs; what isn't understood leaves the policy in force as it was."""
    with budget_scene(tmp_path, {}) as stage:
        assert stage.chat().status == 200
        assert not (stage.boundary.state / "budgets").exists()
        data = tmp_path / "budgets" / "data.json"

        data.write_text(json.dumps({"budgets": {"all": {"limit": {"calls": 1}}}}))
        _reloaded(stage, 1)
        assert stage.chat().status == 200
        assert stage.chat().status == 403

        data.write_text(json.dumps({"budgets": {"all": {"limt": {"calls": 9}}}}))
        until(lambda: "data.budgets.all.limt" in stage.boundary.log or None)
        assert stage.chat().status == 403

        data.write_text(json.dumps({"budgets": {"all": {"limit": {"calls": 3}}}}))
        _reloaded(stage, 2)
        assert [stage.chat().status for _ in range(3)] == [200, 200, 403]


def _reloaded(stage: Scene, times: int) -> None:
    """Wait until the policy has changed that often."""

    def changes() -> int:
        journal = Layout(stage.boundary.state).journal
        return sum(record.predicate["phase"] == "policy" for record in read_records(journal))

    until(lambda: changes() >= times or None)
    until(lambda: stage.boundary.log.count("helm-boundary: policy file") >= times or None)


def test_a_budget_that_is_not_understood_is_a_refusal_to_start(tmp_path: Path) -> None:
    """With its place in data."""
    data = {"budgets": {"b": {"limit": {"calls": "3"}}}}
    policy = write_budget_policy(tmp_path / "policy", data)
    with (
        Upstream() as upstream,
        pytest.raises(StartFailed) as failed,
        Boundary(upstream, state=tmp_path, policy=policy),
    ):
        pass
    assert "data.budgets.b" in failed.value.log


def test_observe_counts_and_refuses_nothing(tmp_path: Path) -> None:
    """The receipt says that it would have been denied, and that it wasn't."""
    data = {
        "budgets": {"all": {"limit": {"calls": 1}}},
        "limits": {"rate": {"match": {"models": ["paced"]}, "calls": 1, "window": "hour"}},
    }
    with budget_scene(tmp_path, data, options={"helm_mode": "observe"}) as stage:
        assert stage.chat(model="paced").status == 200
        paced = stage.chat(model="paced")
        assert paced.status == 200
        assert stage.records(paced.correlation)[0]["reasons"][0]["rule"] in (
            "limits.rate",
            "budgets.all",
        )
        told = stage.chat()
        assert told.status == 200
        request, outcome = stage.records(told.correlation)
        assert (request["verdict"], request["enforcement"]) == ("DENY", "observed")
        assert request["reasons"][0]["code"] == "BUDGET_EXCEEDED"
        assert outcome["budget"][0]["after"]["calls"] == 3


def test_a_bill_is_put_beside_the_receipts(tmp_path: Path) -> None:
    """Day by day, as OpenAI, Anthropic and others write them."""
    with budget_scene(tmp_path, DATA) as stage:
        assert stage.chat().status == 200
    state = stage.boundary.state
    day = next(
        record.predicate["decidedAt"][:10]
        for record in read_records(Layout(state).journal)
        if record.predicate["phase"] == "outcome"
    )
    bills = {
        "openai.json": json.dumps({"data": [
            {"start_time": 1_700_000_000, "results": [{"amount": {"value": 0.25}}]}]}),
        "anthropic.json": json.dumps({"data": [
            {"starting_at": f"{day}T00:00:00Z", "results": [{"amount": "123.45"}]}]}),
        "other.csv": f"Date,Cost\n{day},$1.5\n{day},0.25\n",
    }  # fmt: skip
    billed = {}
    for name, text in bills.items():
        (tmp_path / name).write_text(text)
        told = budgets(state, "reconcile", "--json", "--costs", str(tmp_path / name))
        billed[name] = {row["date"]: row for row in map(json.loads, told.splitlines())}
    assert billed["openai.json"]["2023-11-14"]["billed"] == 250_000_000
    assert billed["anthropic.json"][day]["billed"] == 1_234_500_000
    assert billed["other.csv"][day]["billed"] == 1_750_000_000
    assert billed["other.csv"][day]["charged"] > 0
    (tmp_path / "bad.csv").write_text("what,ever\n1,2\n")
    budgets(state, "reconcile", "--costs", str(tmp_path / "bad.csv"), code=2)
    assert "DIFFERENCE" in budgets(state, "reconcile", "--costs", str(tmp_path / "other.csv"))


def test_a_folder_without_budgets_says_so(tmp_path: Path) -> None:
    """Exit code 2, and no file is made."""
    assert "no boundary has kept a budget" in budgets(tmp_path, "list", code=2)
    assert list(tmp_path.iterdir()) == []
