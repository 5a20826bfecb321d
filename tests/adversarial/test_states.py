"""State folders that fail: without a receipt, no call passes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helm_receipts.layout import Layout
from support.boundary import Boundary, StartFailed
from support.scene import Answer, Scene, assert_refusal, assert_works, scene, verify_all
from support.scripted_policy import write_scripted_policy
from support.upstream import ToolCall, Turn, Upstream, reply_to_chat


def test_a_state_folder_that_cant_be_created_prevents_the_start(tmp_path: Path) -> None:
    """Below a file: exit code 1 and one line."""
    (tmp_path / "file").write_text("")
    boundary = Boundary(state=tmp_path, options={"helm_state": tmp_path / "file" / "state"})
    assert_refuses(boundary, "receipts can't be written")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_state_folder_that_cant_be_written_prevents_the_start(tmp_path: Path) -> None:
    """Somebody else's folder."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o500)
    boundary = Boundary(state=tmp_path, options={"helm_state": folder})
    assert_refuses(boundary, "receipts can't be written")


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """Return a folder in which a boundary has run and stopped; its state is in `helm`."""
    with scene(tmp_path) as stage:
        assert_works(stage)
    return tmp_path


def again(folder: Path) -> Boundary:
    """Return a boundary on the state of the first."""
    return Boundary(state=folder, policy=folder / "policy")


def make_readable(layout: Layout) -> None:
    """Make the receipt key readable for everybody."""
    (layout.keys / "receipt.pem").chmod(0o644)


def cut_key(layout: Layout) -> None:
    """Damage the receipt key."""
    key = layout.keys / "receipt.pem"
    key.write_bytes(key.read_bytes()[:40])


def open_folder(layout: Layout) -> None:
    """Make the keys' folder accessible to everybody."""
    layout.keys.chmod(0o777)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (make_readable, "the state folder can't be used"),
        (cut_key, "receipts can't be written"),
        (open_folder, "the state folder can't be used"),
    ],
)
def test_keys_that_others_may_have_prevent_the_start(
    used: Path, damage: Callable[[Layout], None], said: str
) -> None:
    """A key that others can read, or put another in place of, proves nothing."""
    damage(Layout(used / "helm"))
    assert_refuses(again(used), said)


def test_a_torn_line_is_set_aside_and_reported(used: Path) -> None:
    """The end of a write that never was acknowledged: kept, but not in the journal."""
    layout = Layout(used / "helm")
    (writer,) = layout.journal.iterdir()
    segment = max(writer.glob("*.jsonl"))
    with segment.open("ab") as file:
        file.write(b'{"payload":"torn')
    with again(used) as boundary:
        assert boundary.alive
    assert list(layout.quarantine.iterdir())
    verify_all(boundary)


def test_a_damaged_journal_is_not_appended_to(used: Path) -> None:
    """A line in the middle has been changed: refuse, or begin another journal, but say so."""
    layout = Layout(used / "helm")
    (writer,) = layout.journal.iterdir()
    segment = max(writer.glob("*.jsonl"))
    text = segment.read_bytes()
    segment.write_bytes(text[:-200] + b"X" + text[-199:])
    size = segment.stat().st_size
    with contextlib.suppress(StartFailed), again(used):
        pass
    assert "Traceback" not in again(used).log
    assert segment.stat().st_size == size
    assert len(list(writer.glob("*.jsonl"))) == 1


def test_two_boundaries_on_one_state_dont_mix_their_journals(tmp_path: Path) -> None:
    """The second has a journal of its own, or doesn't start."""
    with scene(tmp_path) as stage:
        second = Boundary(
            stage.upstream,
            state=tmp_path / "second",
            policy=tmp_path / "policy",
            options={"helm_state": stage.boundary.state},
        )
        with second:
            second.state = stage.boundary.state
            assert_works(stage)
            assert_works(Scene(second, stage.upstream))
            assert_works(stage)
        assert len(list(Layout(stage.boundary.state).journal.iterdir())) == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of four mebibytes, where that is permitted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no permission to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_no_call_passes_when_the_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    """Calls are denied with RECEIPT_UNAVAILABLE, and pass again once there is space."""
    state = small_disk / "state"
    with Upstream() as upstream, on_small_disk(tmp_path, state, upstream) as stage:
        assert_works(stage)
        ballast = small_disk / "ballast"
        fill(ballast)
        use_up(stage)
        with stage.untouched():
            told = assert_refusal(stage.chat(), "RECEIPT_UNAVAILABLE")
            assert told["receipt_id"] is None
        make_room(stage, ballast)


def test_observed_calls_pass_when_the_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    """What has no receipt is counted, and the first one after it says so."""
    state, ballast = small_disk / "state", small_disk / "ballast"
    with Upstream() as upstream, on_small_disk(tmp_path, state, upstream, mode="observe") as stage:
        assert stage.chat(model="denied").status == 200
        fill(ballast)
        stage.upstream.answer(lambda request: reply_to_chat(request, MANY))
        passed = 0
        while "a call passes without a receipt" not in stage.boundary.log and passed < 80:
            assert stage.chat(stream=passed % 2 == 0).status == 200
            passed += 1
        stage.upstream.answer(lambda _: None)
        for stream in (True, False):
            assert stage.chat(model="denied", stream=stream).status == 200
        ballast.unlink()
        time.sleep(1.5)
        answer = stage.chat()
        request, _ = stage.records(answer.correlation)
        assert request["event"]["unrecordedCalls"] >= 3


@contextlib.contextmanager
def on_small_disk(
    folder: Path, state: Path, upstream: Upstream, mode: str = "enforce"
) -> Iterator[Scene]:
    """Run a scene whose receipts go to that folder; an outcome may be missing in the end."""
    policy = write_scripted_policy(folder / "policy")
    options = {"helm_state": state, "helm_mode": mode}
    boundary = Boundary(upstream, state=folder, policy=policy, options=options)
    boundary.state = state
    with boundary:
        yield Scene(boundary, upstream)


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with file.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * 4096)
        except OSError:
            pass


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_is_denied_when_the_disk_is_full(
    tmp_path: Path, small_disk: Path, *, stream: bool
) -> None:
    """The request had its receipt; the answer's can't be written, so the answer isn't sent."""
    state, ballast = small_disk / "state", small_disk / "ballast"
    with Upstream() as upstream, on_small_disk(tmp_path, state, upstream) as stage:
        fill(ballast)
        answer = use_up(stage, stream=stream)
        assert b"search" not in answer.body
        assert b"RECEIPT_UNAVAILABLE" in answer.body
        make_room(stage, ballast)


def make_room(stage: Scene, ballast: Path) -> None:
    """Free disk space; the boundary checks once a second, and then calls pass again."""
    ballast.unlink()
    stage.upstream.answer(lambda _: None)
    deadline = time.monotonic() + 5
    while stage.chat().status != 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert_works(stage)


MANY = Turn("", tuple(ToolCall(f"search_{number}") for number in range(1000)))


def use_up(stage: Scene, *, stream: bool = False) -> Answer:
    """Use up the journal's preallocated space, by answers whose receipts are long.

    Returns the first that is refused; its request has passed, for that receipt is short.
    """
    stage.upstream.answer(lambda request: reply_to_chat(request, MANY))
    for _ in range(50):
        answer = stage.chat(stream=stream)
        if b"RECEIPT_UNAVAILABLE" in answer.body:
            return answer
    raise AssertionError("the disk is full, and receipts are still written")


def assert_refuses(boundary: Boundary, expected: str) -> None:
    """Assert a refusal to start that says what is expected."""
    with pytest.raises(StartFailed) as failed:
        boundary.start()
    assert failed.value.exit_code == 1, failed.value.log
    assert expected in failed.value.log
    assert "Traceback" not in failed.value.log
