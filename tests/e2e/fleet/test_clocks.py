"""Two boundaries on one database, one with a wrong clock: approvals end by the database's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from helm_receipts.database.address import Address
from support.approvals import Asking, ask, body, until, write_policy
from support.boundary import Boundary
from support.engines import check
from support.fleet import command, fleet_boundary
from support.table_state import TableState
from support.upstream import Upstream

_SHIFT = """
import time
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + {seconds}
time.time_ns = lambda: _time_ns() + {seconds} * 10**9
"""
WRONG = pytest.mark.parametrize("minutes", [10, -10], ids=["ahead", "behind"])


def shifted(folder: Path, minutes: int) -> Mapping[str, str]:
    """Return an environment in which Python's clock is wrong from the start."""
    (folder / "shift").mkdir()
    (folder / "shift" / "sitecustomize.py").write_text(_SHIFT.format(seconds=minutes * 60))
    return {"PYTHONPATH": str(folder / "shift")}


def approve(identity: str, database: Address, home: Path) -> None:
    """Approve as a person on another machine does."""
    state = ("--state", database.text)
    done = command("approvals", "approve", "--yes", identity, *state, home=home)
    assert done.returncode == 0, done.stderr


def listed(database: Address, home: Path) -> str | None:
    """Return the id of a question that waits."""
    done = command("approvals", "list", "--state", database.text, home=home)
    return next((word for word in done.stdout.split() if word.startswith("apr_")), None)


@WRONG
def test_calls_wait_and_pass_at_both(tmp_path: Path, database: Address, minutes: int) -> None:
    """Neither ends what the other asks before its time is over."""
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 60}
    policy = write_policy(tmp_path / "policy")
    env = shifted(tmp_path, minutes)
    with (
        Upstream() as upstream,
        fleet_boundary(upstream, tmp_path / "right", database, options, policy=policy) as right,
        fleet_boundary(
            upstream, tmp_path / "wrong", database, options, policy=policy, env=env
        ) as wrong,
    ):
        for number, each in enumerate((right, wrong)):
            asking = Asking(each, body(f"please {number}"))
            identity = until(lambda: listed(database, tmp_path))
            time.sleep(2.5)  # both tidy every second
            approve(identity, database, tmp_path)
            assert asking.result().status == 200
        assert len(upstream.requests) == 2
    assert check(TableState(tmp_path / "right" / "helm", database).folder()).is_complete


@WRONG
@pytest.mark.slow
def test_a_grant_ends_at_both_when_its_time_is_over(
    tmp_path: Path, database: Address, minutes: int
) -> None:
    """A boundary whose clock is behind doesn't go on with it, nor deny sooner where it is ahead."""
    policy = write_policy(tmp_path / "policy")
    env = shifted(tmp_path, minutes)
    options = {"helm_hold_seconds": 20}
    with (
        Upstream() as upstream,
        fleet_boundary(
            upstream, tmp_path / "wrong", database, options, policy=policy, env=env
        ) as wrong,
    ):
        granted(wrong, "please now", database, tmp_path)
        assert until(lambda: ask(wrong, body("please now")).status == 200 or None)
        granted(wrong, "please late", database, tmp_path)
        time.sleep(21)
        assert ask(wrong, body("please late")).status == 403
        assert len(upstream.requests) == 1


def granted(boundary: Boundary, text: str, database: Address, home: Path) -> None:
    """Ask, and have it approved."""
    approve(ask(boundary, body(text)).approval, database, home)
