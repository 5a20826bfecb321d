"""`helm-boundary policy rollback`: back to the policy before, without where policies come from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm_boundary.runtime.health import running_boundaries
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.approvals import until
from support.scene import Scene, scene

RULE = """package helm.rules.morning

deny contains {"code": "POLICY_VIOLATION", "rule": "morning.NAME", "finality": "class_forbidden",
	"message": "not this morning"} if {
	input.phase == "request"
	some message in input.messages
	message.text == "NAME"
}
"""
WHY = "everybody is denied"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """Write a policy that denies the model `first`."""
    folder = tmp_path / "rules"
    folder.mkdir()
    _write(folder, "first")
    return folder


@pytest.fixture
def stage(tmp_path: Path, policy: Path) -> Iterator[Scene]:
    """Start a boundary under it."""
    with scene(tmp_path, policy=policy) as found:
        yield found


def _write(folder: Path, name: str) -> None:
    (folder / "morning.rego").write_text(RULE.replace("NAME", name))


def _digest(stage: Scene) -> str:
    return next((each.policy_digest for each in running_boundaries(stage.boundary.state)), "")


def _changed(stage: Scene, before: str) -> str:
    return until(lambda: ((now := _digest(stage)) != before and now) or None, 60)


def rollback(stage: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `policy rollback` on a scene's state folder."""
    return subprocess.run(
        [sys.executable, "-m", "helm_boundary", "policy", "rollback",
         "--state", str(stage.boundary.state), *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def denied(stage: Scene) -> set[str]:
    """Return which of the models are denied."""
    return {name for name in ("first", "second", "third")
            if _said(stage, name) == 403}  # fmt: skip


def _said(stage: Scene, text: str) -> int:
    return stage.chat(model="gpt-4o-mini", messages=[{"role": "user", "content": text}]).status


def test_a_rollback_holds_until_the_source_has_another_policy(stage: Scene, policy: Path) -> None:
    """Over restarts too; a receipt says who, why, from which and to which."""
    first = _digest(stage)
    assert denied(stage) == {"first"}
    _write(policy, "second")
    second = _changed(stage, first)
    assert denied(stage) == {"second"}
    done = rollback(stage, "--why", WHY)
    assert done.returncode == 0, done
    assert "In force on 1 of 1." in done.stdout
    assert (_digest(stage), denied(stage)) == (first, {"first"})
    (policy / "morning.rego").touch()
    until(lambda: "went back to it" in stage.boundary.log or None, 60)
    stage.boundary.restart()
    assert (_digest(stage), denied(stage)) == (first, {"first"})
    _write(policy, "third")
    third = _changed(stage, first)
    assert third not in (first, second)
    assert denied(stage) == {"third"}
    [event] = [
        record.predicate["event"]
        for record in read_records(Layout(stage.boundary.state).journal)
        if (record.predicate.get("event") or {}).get("kind") == "rollback"
    ]
    assert (event["oldDigest"], event["newDigest"], event["why"]) == (second, first, WHY)
    assert "(command line)" in event["by"]


@pytest.mark.slow
def test_a_rollback_can_be_ended(stage: Scene, policy: Path) -> None:
    """Then the policy is what its source says."""
    first = _digest(stage)
    _write(policy, "second")
    second = _changed(stage, first)
    assert rollback(stage, "--why", WHY, "--to", first[:8]).returncode == 0
    assert rollback(stage, "--end").returncode == 0
    until(lambda: _digest(stage) == second or None, 60)
    assert rollback(stage, "--end").returncode == 1


def test_what_was_kept_must_be_what_decided(stage: Scene, policy: Path) -> None:
    """A file that somebody has changed is refused, and nothing changes."""
    first = _digest(stage)
    _write(policy, "second")
    second = _changed(stage, first)
    kept = stage.boundary.state / "policies" / f"{first}.json"
    kept.write_text(kept.read_text().replace("not this morning", "whatever you like"))
    done = rollback(stage, "--why", WHY)
    assert done.returncode == 2
    assert "expected the policy that it is named for" in done.stderr
    assert _digest(stage) == second


def test_there_must_be_a_policy_before_and_a_reason(stage: Scene) -> None:
    """Each said by its own exit code."""
    assert rollback(stage).returncode == 2
    assert rollback(stage, "--why", WHY, "--end").returncode == 2
    assert _said(stage, "third") == 200
    assert rollback(stage, "--why", WHY).returncode == 1
