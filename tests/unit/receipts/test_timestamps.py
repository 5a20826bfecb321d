"""Timestamps (RFC 3161) on checkpoints: asked of an authority, kept, and verified offline."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.receipts import receipts
from helm_receipts.recording.recorder import Recorder
from helm_receipts.recording.shown_log import FolderLog
from support.receipts import CONFIGURATION, outcome, record_calls, recording, request
from support.timestamp_authority import Authority, running_authority

pytest.importorskip("rfc3161_client")
from helm_receipts.recording.timestamping import FOLDER, Timestamping


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """Run an authority."""
    with running_authority(tmp_path_factory.mktemp("tsa") / "one") as running:
        yield running


@pytest.fixture
def state(tmp_path: Path, authority: Authority) -> Path:
    """Record some calls."""
    authority.manner = ""
    record_calls(tmp_path / "state", 3)
    return tmp_path / "state"


def stamp(state: Path, url: str) -> list[str]:
    """Have the checkpoint stamped, if it is time; returns what is told."""
    told: list[str] = []
    Timestamping(FolderLog(state / "log"), url, told.append).finish()
    return told


def fsck(state: Path, *more: object) -> Result:
    """Run `helm-boundary receipts fsck`."""
    return CliRunner().invoke(receipts, ["fsck", "--state", str(state), *map(str, more), "--json"])


def kind(done: Result) -> str:
    """Return what is wrong."""
    assert done.exit_code == 1, done.output
    return str(json.loads(done.output)["kind"])


def test_a_checkpoint_is_stamped_once_an_hour(state: Path, authority: Authority) -> None:
    """And fsck says what was there by when, without asking anybody."""
    assert stamp(state, authority.url) == []
    assert stamp(state, authority.url) == []
    (answer,) = (state / "log" / FOLDER).glob("*.tsr")
    long_ago = time.time() - 4000
    import os

    os.utime(answer, (long_ago, long_ago))
    record_calls(state, 2)
    asked = len(authority.asked)
    assert stamp(state, authority.url) == []
    assert len(authority.asked) == asked + 1
    done = fsck(state, "--tsa", authority.root)
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)["timestamps"]
    assert [each.split()[:2] for each in told] == [["14", "entries"], ["8", "entries"]]
    assert fsck(state).exit_code == 0


def test_a_recorder_has_its_checkpoint_stamped(state: Path, authority: Authority) -> None:
    """In the process that integrates."""
    recorder = Recorder.open(
        state, version="0.1.0", configuration=CONFIGURATION, whom=[f"timestamp={authority.url}"]
    )
    try:
        deadline = time.monotonic() + 30
        while not any((state / "log").glob(f"{FOLDER}/*.tsr")) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        recorder.close()
    assert fsck(state, "--tsa", authority.root).exit_code == 0


@pytest.mark.parametrize(
    ("manner", "why"),
    [
        ("other", "timestamp of something else"),
        ("nonsense", "answered with no timestamp"),
        ("refuse", "answers with status 503"),
        ("away", "can't be reached"),
    ],
)
def test_an_authority_that_is_away_or_wrong_is_told(
    state: Path, authority: Authority, manner: str, why: str
) -> None:
    """Nothing is kept of what it says; receipts and the log go on."""
    authority.manner = manner
    url = "http://127.0.0.1:1/" if manner == "away" else authority.url
    (told,) = stamp(state, url)
    assert why in told
    assert not (state / "log" / FOLDER).exists()
    assert kind(fsck(state, "--tsa", authority.root)) == "timestamp"


def test_a_timestamp_by_another_authority_proves_nothing(
    state: Path, authority: Authority, tmp_path: Path
) -> None:
    """The auditor names the roots that he believes."""
    stamp(state, authority.url)
    with running_authority(tmp_path / "two") as other:
        assert kind(fsck(state, "--tsa", other.root)) == "timestamp"


def test_a_changed_timestamp_is_refused(state: Path, authority: Authority) -> None:
    """Another checkpoint under it, a flipped bit, or no checkpoint."""
    stamp(state, authority.url)
    (answer,) = (state / "log" / FOLDER).glob("*.tsr")
    note, whole = answer.with_suffix(".checkpoint"), answer.read_bytes()
    before = note.read_bytes()
    record_calls(state, 2)
    note.write_bytes((state / "log/checkpoint").read_bytes())
    assert kind(fsck(state, "--tsa", authority.root)) == "timestamp"
    note.write_bytes(before)
    answer.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    assert kind(fsck(state, "--tsa", authority.root)) == "timestamp"
    answer.write_bytes(whole)
    note.unlink()
    assert kind(fsck(state, "--tsa", authority.root)) == "timestamp"


def test_a_stamped_checkpoint_must_be_continued(
    state: Path, authority: Authority, tmp_path: Path
) -> None:
    """So a history that was forged with every key can't be older than it is."""
    shutil.copytree(state, tmp_path / "fork")
    for folder, verdict in ((state, "ALLOW"), (tmp_path / "fork", "DENY")):
        with recording(folder) as recorder:
            recorder.record_now(request("a", verdict))  # type: ignore[arg-type]
            recorder.record_now(outcome("a"))
    stamp(state, authority.url)
    shutil.copytree(state / "log" / FOLDER, tmp_path / "fork/log" / FOLDER)
    assert kind(fsck(tmp_path / "fork", "--tsa", authority.root)) == "forked-log"
