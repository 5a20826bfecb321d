"""A state folder that an earlier version wrote: it opens, verifies and goes on."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.export.select import Selection, select
from helm_receipts.journal.segments import list_segments, list_writers
from support.approvals import ask, body
from support.boundary import ROOT, Boundary
from support.upstream import Upstream

FIXTURE = ROOT / "tests" / "fixtures" / "state_0_1"
KEPT = FIXTURE / "kept"
TRUST = ("--key", KEPT / "receipt.pub.pem", "--vkey", KEPT / "log.vkey")
"""The keys of its first start, which were rotated since."""
RECEIPTS, CALLS = 39, 8


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Copy the folder as it was, with its keys, and with modes for its user alone."""
    state = tmp_path / "helm"
    shutil.copytree(FIXTURE / "state", state)
    (state / "keys").mkdir()
    for name, text in json.loads((FIXTURE / "keys.json").read_text()).items():
        (state / "keys" / name).write_bytes(base64.b64decode(text))
    for path in (state, *state.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return state


def test_an_older_folder_verifies(older: Path) -> None:
    """By the keys of its first start, through both rotations, and from a checkpoint kept then.

    Checking changes nothing in it.
    """
    before = {path: path.stat().st_mtime_ns for path in (older, *older.rglob("*"))}
    verified = helm("receipts", "verify", *TRUST, "--json", state=older)
    assert (verified["exit"], verified["receipts"]) == (0, RECEIPTS)
    checked = check(older)
    assert (checked["exit"], checked["size"], checked["calls"]) == (0, RECEIPTS, CALLS)
    assert checked["kept"] == 1
    assert {path: path.stat().st_mtime_ns for path in (older, *older.rglob("*"))} == before


def test_a_boundary_of_today_goes_on_with_an_older_folder(older: Path, tmp_path: Path) -> None:
    """With the policy of then: a call passes, one is denied, and all of it verifies together."""
    before = {path: path.read_bytes() for path in segments(older)}
    size = parse_checkpoint((older / "log" / "checkpoint").read_bytes()).size
    policy = FIXTURE / "policy"
    with Upstream() as upstream, Boundary(upstream, state=tmp_path, policy=policy) as boundary:
        assert ask(boundary, body("Hello")).status == 200
        assert ask(boundary, body("forbidden")).status == 403
        assert len(upstream.requests) == 1
    checked = check(older)
    assert (checked["exit"], checked["calls"], checked["writers"]) == (0, CALLS + 2, 2), checked
    assert checked["size"] == checked["receipts"] == RECEIPTS + 6 > size
    first, *_, last = select(older / "journal", Selection(phase="request"))
    for record in (first, last):
        run("receipts", "prove", *TRUST, record.id, "-o", tmp_path / record.id, state=older)
    for path, text in before.items():
        assert path.read_bytes().startswith(text), "what was written once is written for ever"


def test_older_receipts_are_read_like_new_ones(older: Path, tmp_path: Path) -> None:
    """They are listed, explained, opened, exported and proven; older approvals are listed."""
    first = next(iter(select(older / "journal", Selection(phase="request"))))
    (tmp_path / "body").write_text(json.dumps(body("Hello")))
    listed = run("receipts", "list", state=older)
    assert len(listed.splitlines()) == RECEIPTS
    assert first.id in listed
    assert f"Receipt {first.id}" in run("receipts", "explain", first.id, state=older)
    opened = ("--opening", "request", "--body", tmp_path / "body", first.id)
    assert "is what was judged" in run("receipts", "explain", *opened, state=older)
    exported = ("--format", "intoto", "-o", tmp_path / "receipt", first.id)
    run("receipts", "export", *TRUST, *exported, state=older)
    run("receipts", "prove", *TRUST, first.id, "-o", tmp_path / "proof", state=older)
    both = ("--proof", tmp_path / "proof", tmp_path / "receipt")
    assert "VERIFIED" in run("receipts", "verify", *TRUST, *both, state=older)
    assert "apr_" in run("approvals", "list", "--all", state=older)


def check(state: Path) -> dict[str, object]:
    """Run fsck by the first keys and the checkpoint that was kept."""
    return helm("receipts", "fsck", *TRUST, "--kept", KEPT / "checkpoint", "--json", state=state)


def helm(*arguments: object, state: Path) -> dict[str, object]:
    """Run `helm-boundary` and read the JSON that it prints."""
    found: dict[str, object] = json.loads(run(*arguments, state=state))
    return found


def run(*arguments: object, state: Path) -> str:
    """Run `helm-boundary` on a state folder; what it prints, if it succeeds."""
    program = Path(sys.executable).parent / "helm-boundary"
    done = subprocess.run(
        [program, *map(str, arguments), "--state", str(state)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def segments(state: Path) -> Sequence[Path]:
    """List the files that hold receipts."""
    return [path for writer in list_writers(state / "journal") for path in list_segments(writer)]
