"""The log: derived from journals, safe to stop anywhere, one for several processes."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.errors import LogError, RecorderError
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from helm_receipts.log.inclusion import parse_proof
from helm_receipts.log.log import Log
from helm_receipts.log.order import Order
from helm_receipts.log.proof import proof_file, prove
from helm_receipts.log.rebuild import rebuild
from helm_receipts.log.runs import order_file, read_runs
from helm_receipts.recording import keyset
from helm_receipts.recording.recorder import Recorder
from helm_receipts.recording.rotation import integrate_all
from helm_receipts.storage import durable
from support.receipts import CONFIGURATION, journal_of, outcome, record_calls, recording, request


def check(state: Path) -> FsckReport:
    """Run fsck with the state folder's own keys."""
    published = keyset.open_keyset(Layout(state)).published
    return fsck(state, [k.key for k in published.receipt], [published.log[-1].key])


def size_of(state: Path) -> int:
    """Read the size that the checkpoint commits to; 0 while there is none."""
    if not (state / "log" / "checkpoint").exists():
        return 0
    return parse_checkpoint((state / "log" / "checkpoint").read_bytes()).size


def log_files(state: Path) -> dict[str, bytes]:
    """Read the log folder: tiles and checkpoint."""
    files = [path for path in (state / "log").rglob("*") if path.is_file()]
    return {str(path.relative_to(state)): path.read_bytes() for path in files}


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something that another process does has happened."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_closing_a_recorder_leaves_everything_in_the_log(tmp_path: Path) -> None:
    """The stop receipt included, and fsck is content."""
    record_calls(tmp_path, 10)
    report = check(tmp_path)
    assert (report.size, report.receipts, report.calls) == (22, 22, 10)
    assert report.is_complete


def test_a_running_recorder_integrates_by_itself(tmp_path: Path) -> None:
    """Within a second or so, without anybody asking."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        wait_for(lambda: (tmp_path / "log" / "checkpoint").exists() and size_of(tmp_path) == 2)


def test_two_processes_share_one_log(tmp_path: Path) -> None:
    """Whoever has the lock integrates both journals; when it ends the other one takes over."""
    with recording(tmp_path) as one:
        with recording(tmp_path) as two:
            for number in range(100):
                one.record_now(request(f"one-{number}"))
                two.record_now(request(f"two-{number}"))
                one.record_now(outcome(f"one-{number}"))
                two.record_now(outcome(f"two-{number}"))
        one.record_now(request("last"))
        one.record_now(outcome("last"))
    integrate_all(Layout(tmp_path), keyset.open_keyset(Layout(tmp_path)))
    report = check(tmp_path)
    assert (report.writers, report.size, report.calls) == (2, 4 * 100 + 2 + 4, 201)
    assert report.is_complete
    order = (tmp_path / "log-state" / "order.jsonl").read_text().splitlines()
    assert len(order) >= 2  # a line whenever the log goes over to the other writer


def test_every_receipt_of_every_writer_can_be_proved(tmp_path: Path) -> None:
    """The order finds its index; the proof stands by itself; another receipt's entry fails."""
    test_two_processes_share_one_log(tmp_path)
    layout = Layout(tmp_path)
    published = keyset.open_keyset(layout).published
    indexes = set()
    for record in list(read_records(tmp_path / "journal"))[::13]:
        proof = prove(layout, published, record)
        assert parse_proof(proof_file(proof)) == proof
        indexes.add(proof.index)
    assert len(indexes) > 25


def test_making_a_proof_changes_nothing_while_the_integrator_publishes(tmp_path: Path) -> None:
    """Between the order and its checkpoint, a reader sees a run that no checkpoint covers yet."""
    record_calls(tmp_path, 3)
    layout = Layout(tmp_path)
    size = size_of(tmp_path)
    order = Order.resume(order_file(layout), size)
    order.note(size, "another-writer", 1)
    order.save()
    about_to_be = order_file(layout).read_bytes()
    first = next(iter(read_records(tmp_path / "journal")))
    assert prove(layout, keyset.open_keyset(layout).published, first).index == 0
    assert order_file(layout).read_bytes() == about_to_be
    assert read_runs(order_file(layout), size + 1).index_of("another-writer", 1) == size
    Order.resume(order_file(layout), size)  # what holds the lock cuts off what a crash left
    assert order_file(layout).read_bytes() != about_to_be


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=6))
def test_any_batches_give_the_same_root(
    tmp_path_factory: pytest.TempPathFactory, limits: list[int]
) -> None:
    """One journal, integrated in any batches with restarts in between: one log, byte for byte."""
    state = _journal_only(tmp_path_factory)
    layout = Layout(state)
    keys = keyset.open_keyset(layout)
    shutil.rmtree(state / "log-state")
    for path in (state / "log" / "tile", state / "log" / "checkpoint"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for limit in [*limits, 1000]:
        log = Log(layout, keys.origin, keys.log)
        log.integrate(keys.published.receipt_key, limit)
        log.close()
    assert check(state).is_complete
    assert parse_checkpoint((state / "log" / "checkpoint").read_bytes()).root.hex() == ROOTS[0]


ROOTS: list[str] = []
_TEMPLATE: list[Path] = []


def _journal_only(factory: pytest.TempPathFactory) -> Path:
    """Copy one state folder with 302 receipts; the root they have is in ROOTS."""
    if not _TEMPLATE:
        template = factory.mktemp("template")
        record_calls(template, 150, segment_bytes=50_000)
        checkpoint = parse_checkpoint((template / "log" / "checkpoint").read_bytes())
        ROOTS.append(checkpoint.root.hex())
        _TEMPLATE.append(template)
    copy = factory.mktemp("state") / "state"
    shutil.copytree(_TEMPLATE[0], copy)
    return copy


def test_the_log_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    """Tiles and tree come from the journals; the checkpoint stays valid for them."""
    record_calls(tmp_path, 200)
    record_calls(tmp_path, 100)
    before = log_files(tmp_path)
    shutil.rmtree(tmp_path / "log" / "tile")
    shutil.rmtree(tmp_path / "log-state")
    layout = Layout(tmp_path)
    rebuild(layout, keyset.open_keyset(layout).published)
    after = log_files(tmp_path)
    assert check(tmp_path).is_complete
    # Partial tiles of earlier sizes are gone; all others are the same.
    assert {name for name in before if name not in after} <= {n for n in before if ".p/" in n}
    assert all(before[name] == content for name, content in after.items())
    record_calls(tmp_path, 5)
    assert check(tmp_path).is_complete


def test_a_deleted_log_is_rebuilt(tmp_path: Path) -> None:
    """The whole log folder gone: the same tree again, under the same keys."""
    record_calls(tmp_path, 200)
    before = log_files(tmp_path)
    shutil.rmtree(tmp_path / "log")
    layout = Layout(tmp_path)
    keys = keyset.open_keyset(layout)
    rebuild(layout, keys.published)
    integrate_all(layout, keys)
    assert check(tmp_path).is_complete
    assert log_files(tmp_path)["log/checkpoint"] == before["log/checkpoint"]


def test_rebuilding_from_a_changed_journal_changes_nothing(tmp_path: Path) -> None:
    """A journal that doesn't give the signed root leaves the log as it was."""
    record_calls(tmp_path, 5)
    (segment,) = journal_of(tmp_path).glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([lines[0], lines[1], lines[1], *lines[3:]]))
    before = log_files(tmp_path)
    layout = Layout(tmp_path)
    with pytest.raises(LogError, match="that the checkpoint of size 12 was signed for"):
        rebuild(layout, keyset.open_keyset(layout).published)
    assert log_files(tmp_path) == before


class Stopped(Exception):
    """The machine stops here."""


# Every durable step of an integration, by the function that does it.
STEPS = ("write_file", "sync_folder", "replace_file", "replace_files", "write_all")


@pytest.mark.parametrize("function", STEPS)
@pytest.mark.parametrize("when", range(4))
def test_an_integration_that_stops_anywhere_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, when: int
) -> None:
    """Stopped at the nth call of any durable step, the next one finishes; nothing is forked."""
    record_calls(tmp_path, 130)
    layout = Layout(tmp_path)
    keys = keyset.open_keyset(layout)
    recorder = Recorder.open(tmp_path, version="0.1.0", configuration=CONFIGURATION)
    recorder._integrator.close()
    names = [f"more-{number}" for number in range(130)]
    recorder._writer.commit([draft for n in names for draft in (request(n), outcome(n))])
    kept = (tmp_path / "log" / "checkpoint").read_bytes()
    original, calls = getattr(durable, function), [0]

    def stop(*arguments: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] > when:
            raise Stopped
        return original(*arguments, **named)

    log = Log(layout, keys.origin, keys.log)
    monkeypatch.setattr(durable, function, stop)
    try:
        log.integrate(keys.published.receipt_key)
    except Stopped:
        pass
    finally:
        log.close()
        monkeypatch.undo()
    recorder.close()
    integrate_all(layout, keys)
    published = keys.published
    report = fsck(tmp_path, [published.receipt[-1].key], [published.log[-1].key], [kept])
    assert report.is_complete


def test_a_journal_shorter_than_the_log_is_refused(tmp_path: Path) -> None:
    """Receipts that a checkpoint committed to can't be dropped by cutting the journal."""
    record_calls(tmp_path, 3)
    (segment,) = journal_of(tmp_path).glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:-2]))
    with pytest.raises(RecorderError, match="the journal was cut or changed"):
        record_calls(tmp_path, 1)
    shutil.rmtree(journal_of(tmp_path))
    with pytest.raises(RecorderError, match="the journal was cut or changed"):
        record_calls(tmp_path, 1)


def test_a_changed_tile_stops_the_log_but_not_the_recorder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is signed over a tile that isn't what it was; receipts go on, a warning says so."""
    record_calls(tmp_path, 3)
    tile = tmp_path / "log" / "tile" / "0" / "000.p" / "8"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    before = size_of(tmp_path)
    record_calls(tmp_path, 3)
    assert size_of(tmp_path) == before
    assert "a tile was changed" in caplog.text


def test_a_lost_tree_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """tree.json set back or gone: no second history is signed."""
    record_calls(tmp_path, 3)
    (tmp_path / "log-state" / "tree.json").unlink()
    layout = Layout(tmp_path)
    keys = keyset.open_keyset(layout)
    with pytest.raises(LogError, match="integrate --rebuild"):
        Log(layout, keys.origin, keys.log)
    rebuild(layout, keys.published)
    assert check(tmp_path).is_complete


def test_only_what_is_durable_goes_into_the_log(tmp_path: Path) -> None:
    """Lines in the file that their writer hasn't vouched for are left alone."""
    record_calls(tmp_path, 1)
    (segment,) = journal_of(tmp_path).glob("*.jsonl")
    before = size_of(tmp_path)
    with segment.open("ab") as file:
        file.write(segment.read_bytes().splitlines(keepends=True)[0])
    layout = Layout(tmp_path)
    integrate_all(layout, keyset.open_keyset(layout))
    assert size_of(tmp_path) == before


def test_a_log_that_cannot_be_written_does_not_stop_receipts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log is derived: it says that it can't go on, and catches up once it can."""
    with recording(tmp_path) as recorder:
        obstacle = tmp_path / "log" / "tile"
        obstacle.write_bytes(b"where a folder should be")
        recorder.record_now(request("a"))
        wait_for(lambda: recorder._integrator.failure is not None)
        recorder.record_now(outcome("a"))
        assert str(obstacle) in caplog.text
        obstacle.unlink()
        wait_for(lambda: recorder._integrator.failure is None)
        wait_for(lambda: size_of(tmp_path) == 3)
    assert check(tmp_path).is_complete


def test_an_integrator_that_dies_is_replaced(tmp_path: Path) -> None:
    """Killed, it leaves the log to another one, which goes on where it was."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        wait_for(lambda: size_of(tmp_path) == 2)
        os.kill(integrating_process(), signal.SIGKILL)
        recorder.record_now(outcome("a"))
        wait_for(lambda: size_of(tmp_path) == 3)
    assert check(tmp_path).is_complete


def test_an_integrator_that_hangs_does_not_keep_the_recorder_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended, and what it left is integrated all the same."""
    monkeypatch.setattr("helm_receipts.recording.integrator._END_SECONDS", 0.2)
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        wait_for(lambda: size_of(tmp_path) == 2)
        os.kill(integrating_process(), signal.SIGSTOP)
        recorder.record_now(outcome("a"))
    assert check(tmp_path).is_complete


def integrating_process() -> int:
    """Find the process that integrates for this one."""
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            if (
                b"helm_receipts.recording.integration"
                in Path(f"/proc/{child}/cmdline").read_bytes()
            ):
                return int(child)
    raise AssertionError("no process integrates")


def test_a_tree_file_with_another_root_is_not_signed(tmp_path: Path) -> None:
    """A tree.json that claims another root isn't signed."""
    record_calls(tmp_path, 3)
    path = tmp_path / "log-state" / "tree.json"
    tree = json.loads(path.read_bytes())
    path.write_text(json.dumps(tree | {"root": "00" * 32}))
    layout = Layout(tmp_path)
    keys = keyset.open_keyset(layout)
    with pytest.raises(LogError, match="a tile was changed"):
        Log(layout, keys.origin, keys.log)
