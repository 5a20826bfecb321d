"""What the death of a part does to calls, where docs/operations.md names no other test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm_boundary.runtime.health import Health, running_boundaries
from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope.key_files import load
from helm_receipts.layout import Layout
from support.approvals import until
from support.boundary import Boundary, StartFailed
from support.scene import PATIENT, Scene, assert_refusal, assert_works, scene
from support.scripted_policy import write_scripted_policy
from support.upstream import Upstream

pytestmark = pytest.mark.slow
"""Each of these takes seconds; what most of them show, quicker tests show too."""

MB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"can't mount here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _health(state: Path) -> Health:
    return until(lambda: next(running_boundaries(state), None))


def test_a_disk_that_fills_up_is_said_before_calls_are_denied(
    small_disk: Path, tmp_path: Path
) -> None:
    """A line and the health when a tenth is left; 403 at once when nothing is; then it recovers."""
    state, ballast = small_disk / "state", small_disk / "ballast"
    options = {**PATIENT, "helm_state": state}
    policy = write_scripted_policy(tmp_path / "policy")
    with (
        Upstream() as upstream,
        Boundary(upstream, state=tmp_path, policy=policy, options=options) as boundary,
    ):
        stage = Scene(boundary, upstream)
        assert stage.chat().status == 200
        assert not _health(state).disk_low
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 4 * MB))
        until(lambda: _health(state).disk_low or None)
        until(lambda: "is nearly full" in boundary.log or None)
        assert stage.chat().status == 200
        with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        until(lambda: _is_refused_unseen(stage) or None, 120)
        ballast.unlink()
        until(lambda: stage.chat().status == 200 or None)
        until(lambda: "has room again" in boundary.log or None)
        assert boundary.log.count("is nearly full") == 1
        assert boundary.stop() == 0
    layout = Layout(state)
    report = verify_journal(layout.journal, [load(layout.keys / "receipt.pem", "receipt").public])
    assert report.open_calls == 0


def _is_refused_unseen(stage: Scene) -> bool:
    """Make a call; tells whether it was refused for want of a receipt, before it left."""
    seen, begun = len(stage.upstream.requests), time.monotonic()
    answer = stage.chat()
    if answer.status == 200:
        return False
    assert_refusal(answer, "RECEIPT_UNAVAILABLE")
    assert time.monotonic() - begun < 10
    return len(stage.upstream.requests) == seen


def test_a_policy_folder_that_is_gone_leaves_the_policy_in_force(tmp_path: Path) -> None:
    """Calls go on under it, the log says so; a start without it is refused."""
    with scene(tmp_path) as stage:
        digest = _health(stage.boundary.state).policy_digest
        (tmp_path / "policy").rename(tmp_path / "elsewhere")
        until(lambda: "the policy in force stays: " in stage.boundary.log or None, 60)
        assert_works(stage)
        assert_refusal(stage.chat(model="denied"), "POLICY_VIOLATION")
        assert _health(stage.boundary.state).policy_digest == digest
        stage.boundary.stop()
        with pytest.raises(StartFailed):
            stage.boundary.start()
        (tmp_path / "elsewhere").rename(tmp_path / "policy")
        stage.boundary.start()
        assert_works(stage)


def test_what_runs_beside_a_boundary_dies_alone(tmp_path: Path) -> None:
    """The page, metrics, traces: calls come first, are the same without them, the log says so."""
    with scene(tmp_path, options={"helm_page": "127.0.0.1:0"}) as stage:
        assert_works(stage)
        page = until(lambda: _beside(stage.boundary.pid, " page "))
        assert _niceness(page) > _niceness(stage.boundary.pid)
        os.kill(page, signal.SIGKILL)
        until(lambda: "helm-boundary: page has ended" in stage.boundary.log or None)
        assert_works(stage)


def _niceness(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def _beside(parent: int, word: str) -> int | None:
    for file in Path(f"/proc/{parent}/task").glob("*/children"):
        for pid in map(int, file.read_text().split()):
            if word in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode():
                return pid
    return None
