"""A disk that fills up: refused cleanly, nothing torn, and recovered when there is room."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.errors import RecorderError
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording.recorder import Recorder
from support.receipts import CONFIGURATION, outcome, record_calls, recording, request

SIZE = "4m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"can't mount here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def check(state: Path) -> FsckReport:
    """Run fsck with the published keys."""
    known = read_published(Layout(state))
    return fsck(state, [k.key for k in known.receipt], [known.log[-1].key])


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    path = folder / "ballast"
    with path.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))
    return path


def record_requests(recorder: Recorder) -> int:
    """Record requests until one is refused; how many weren't."""
    for number in range(10_000):
        try:
            recorder.record_now(request(f"c{number}"))
        except RecorderError:
            return number
    raise AssertionError("the disk never filled up")


def test_receipts_are_refused_while_the_disk_is_full_and_recorded_afterwards(
    small_disk: Path,
) -> None:
    """Every refusal names the remedy; after it the same recorder goes on by itself."""
    state = small_disk / "state"
    with recording(state) as recorder:
        recorder.record_now(request("open"))
        ballast = fill(small_disk)
        written = record_requests(recorder)
        with pytest.raises(RecorderError):
            recorder.record_now(outcome("open"))
        ballast.unlink()
        deadline = time.monotonic() + 10
        while True:
            try:
                recorder.record_now(request("after"))
                break
            except RecorderError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        recorder.record_now(outcome("after"))
    report = check(state)
    assert report.is_complete
    # "open" has the outcome that was owed; each refused request left nothing behind.
    assert report.calls == written + 2
    assert not any((state / "quarantine").iterdir()) if (state / "quarantine").exists() else True


def test_a_disk_that_is_full_from_the_start_is_refused(small_disk: Path) -> None:
    """Nothing starts without room, and nothing is left half made."""
    fill(small_disk)
    with pytest.raises(RecorderError, match="receipts can't be kept in"):
        record_calls(small_disk / "state", 1)
    (small_disk / "ballast").unlink()
    record_calls(small_disk / "state", 1)
    assert check(small_disk / "state").is_complete


def test_a_full_disk_at_the_stop_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    """The stop can't be recorded; the next start says so and closes the call."""
    state = small_disk / "state"
    recorder = Recorder.open(state, version="0.1.0", configuration=CONFIGURATION)
    recorder.record_now(request("open"))
    ballast = fill(small_disk)
    record_requests(recorder)
    with pytest.raises(RecorderError):
        recorder.close()
    ballast.unlink()
    record_calls(state, 1)
    assert check(state).is_complete
