"""Retention: what was archived or pruned is said by a receipt; what merely vanished is named."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli import receipt_retention
from helm_boundary.cli.receipts import receipts
from helm_receipts.envelope import canonical_encoding, key_files, signing_keys
from helm_receipts.envelope.signatures import seal
from helm_receipts.envelope.statement import Draft
from helm_receipts.journal.records import read_records
from helm_receipts.journal.segments import list_segments, list_writers
from helm_receipts.recording import retention, table_retention
from support.engines import ENGINES, FolderState, State, state_in
from support.receipts import outcome, record_calls, recording, request
from support.sampling import every


def run(*arguments: object) -> Result:
    """Run `helm-boundary receipts …`."""
    return CliRunner().invoke(receipts, [str(argument) for argument in arguments])


def fill(state: State) -> None:
    """Record two sessions, in a folder over several segments; then two writers at once."""
    small = state.recorded | {"segment_bytes": 20_000}
    record_calls(calls=30, **small)
    with recording(**small) as one, recording(**small | {"segment_bytes": 9_000}) as two:
        for number in range(12):
            for recorder, name in ((one, "one"), (two, "two")):
                recorder.record_now(request(f"{name}-{number}"))
                recorder.record_now(outcome(f"{name}-{number}"))
    record_calls(calls=5, **state.recorded)
    state.settle()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with receipts."""
    folder = tmp_path_factory.mktemp("template") / "state"
    fill(FolderState(folder))
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """Copy the template, to do something to."""
    shutil.copytree(template, tmp_path / "state")
    return tmp_path / "state"


@pytest.fixture(params=ENGINES)
def state(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> State:
    """Return receipts in a state of each kind, to do something to."""
    found = state_in(request, tmp_path)
    if request.param == "folder":
        shutil.copytree(template, tmp_path / "state")
    else:
        fill(found)
    return found


def record_more(state: State, calls: int = 20) -> None:
    """Record calls in a session of their own, and have them in the log."""
    record_calls(calls=calls, segment_bytes=9_000, **state.recorded)
    state.settle()


def checked(state: State, *more: object) -> dict[str, object]:
    """Run fsck with the keys named; returns what it told."""
    state.settle()
    told: dict[str, object] = json.loads(
        run("fsck", *state.place, *state.auditor, *more, "--json").output
    )
    return told


def archive(state: State, folder: Path, *more: object) -> Result:
    """Archive all that can be."""
    return run("archive", *state.named, "--before", "0s", "-o", folder, *more)


def prune(state: State, *more: object) -> Result:
    """Prune all that can be."""
    return run("prune", *state.named, "--before", "0s", *more)


def test_what_is_archived_is_said_and_verifies_with_the_rest(state: State, tmp_path: Path) -> None:
    """Of both writers; what is left is pruned, not broken; together it is whole again."""
    before = checked(state)
    assert before["exit"] == 0, before
    done = archive(state, tmp_path / "old", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)["pruned"]
    assert len(told) == 2
    left = checked(state)
    assert (left["exit"], len(left["pruned"])) == (0, 2)  # type: ignore[arg-type]
    assert left["receipts"] < before["receipts"]  # type: ignore[operator]
    whole = checked(state, "--archive", tmp_path / "old")
    assert (whole["exit"], whole["pruned"]) == (0, [])
    assert whole["receipts"] == whole["size"]
    said = run("fsck", *state.place, *state.auditor).output
    assert said.startswith("VERIFIED")
    assert f"{told[0]['writer']}: receipts 1 to {told[0]['lastNumber']}" in said
    for more in ((), ("--archive", tmp_path / "old")):
        assert run("verify", *state.place, *state.auditor[:2], *more).exit_code == 0


def test_of_a_folder_the_last_segments_are_left(folder: Path, tmp_path: Path) -> None:
    """Whole files go."""
    assert archive(FolderState(folder), tmp_path / "old").exit_code == 0
    assert all(len(list_segments(writer)) == 1 for writer in list_writers(folder / "journal"))


def test_an_archive_verifies_by_itself(state: State, tmp_path: Path) -> None:
    """As the beginning of journals that go on elsewhere; a second one says why it begins later."""
    archive(state, tmp_path / "first")
    record_more(state)
    archive(state, tmp_path / "second")
    for name in ("first", "second"):
        done = run("verify", "--state", tmp_path / name, *state.auditor[:2], "--json")
        assert done.exit_code == 3, done.output
        assert json.loads(done.output)["receipts"] > 10
    folders = ("--archive", tmp_path / "first", "--archive", tmp_path / "second")
    assert checked(state, *folders)["pruned"] == []
    assert checked(state, *folders[2:])["exit"] == 0


def test_an_archive_is_put_back(folder: Path, tmp_path: Path) -> None:
    """Copied into the journals again, everything is as it was; then the log can be made anew."""
    state = FolderState(folder)
    archive(state, tmp_path / "old")
    refused = run("integrate", "--state", folder, "--rebuild")
    assert refused.exit_code == 1
    assert "put what was archived back" in refused.output
    shutil.copytree(tmp_path / "old/journal", folder / "journal", dirs_exist_ok=True)
    assert (checked(state)["exit"], checked(state)["pruned"]) == (0, [])
    assert run("integrate", "--state", folder, "--rebuild").exit_code == 0
    assert checked(state)["exit"] == 0


def test_what_is_pruned_is_gone_and_the_rest_goes_on(state: State) -> None:
    """Asked first; a receipt that is gone says so; what is left is shown, proved, exported."""
    writer = min(each.name for each in list_writers(state.folder() / "journal"))
    refused = CliRunner().invoke(receipts, ["prune", *state.named, "--before", "0s"], input="n\n")
    assert refused.exit_code == 1
    assert checked(state)["pruned"] == []
    assert run("prune", *state.named, "--before", "90d").output.startswith("nothing")
    assert "would be" in prune(state, "--dry-run").output
    assert checked(state)["pruned"] == []
    assert prune(state, "--yes").exit_code == 0
    state.settle()
    gone = run("show", *state.place, f"{writer}-000001")
    assert gone.exit_code == 2
    assert "archived or pruned" in gone.stderr
    listed = run("list", *state.place, "--limit", "1", "--json")
    last = json.loads(listed.output)["id"]
    assert run("show", *state.place, last).exit_code == 0
    assert run("prove", *state.place, *state.auditor, last).exit_code == 0
    assert run("export", *state.place, *state.auditor[:2], "--format", "intoto").exit_code == 0
    record_more(state)
    assert checked(state)["exit"] == 0


def test_receipts_of_prunings_may_be_pruned_themselves(state: State) -> None:
    """They are kept beside the journals, since they explain where those begin."""
    for _ in range(3):
        assert prune(state, "--yes").exit_code == 0
        record_more(state)
    told = checked(state)
    assert (told["exit"], len(told["pruned"])) == (0, 2)  # type: ignore[arg-type]
    state.forget_prunings()
    assert checked(state)["exit"] == 1


def test_keys_that_were_rotated_before_are_no_fault(any_state: State, tmp_path: Path) -> None:
    """What is left of one journal is by the newer key, of another by the older: both are named."""
    old, kept = tmp_path / "old.pub.pem", any_state.recorded
    with recording(segment_bytes=9_000, **kept) as one, recording(**kept) as two:
        for number in range(20):
            one.record_now(request(f"one-{number}"))
            one.record_now(outcome(f"one-{number}"))
        two.record_now(request("two"))
        two.record_now(outcome("two"))
    any_state.settle()
    shutil.copy(any_state.auditor[1], old)
    assert any_state.rotate("receipt").exit_code == 0
    record_more(any_state)
    assert prune(any_state, "--yes").exit_code == 0
    assert checked(any_state, "--key", old)["exit"] == 0
    # Of a folder they were pinned before, and are followed; a database's are those it has.
    pinned = isinstance(any_state, FolderState)
    assert run("fsck", *any_state.place).exit_code == (0 if pinned else 3)


def test_receipts_are_archived_while_a_recorder_runs(state: State, tmp_path: Path) -> None:
    """What it still needs stays; its call is ended, and everything verifies."""
    with recording(segment_bytes=9_000, **state.recorded) as recorder:
        recorder.record_now(request("early"))
        for number in range(20):
            recorder.record_now(request(f"more-{number}"))
            recorder.record_now(outcome(f"more-{number}"))
        state.settle()
        done = archive(state, tmp_path / "old")
        assert done.exit_code == 0, done.output
        state.settle()
        assert '"early"' in run("list", *state.place, "--limit", "0", "--json").output
        recorder.record_now(outcome("early"))
    assert checked(state)["exit"] == 0
    assert checked(state, "--archive", tmp_path / "old")["pruned"] == []


class Stopped(Exception):
    """The machine stops here."""


@pytest.mark.parametrize("where", ["copied", "said", "removed"])
def test_an_archive_that_was_interrupted_is_finished(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Copied, and nothing removed yet; said, and not removed; one of two: the same command goes on.

    What was copied and not removed is there twice, which harms nothing.
    """
    assert checked(state)["exit"] == 0
    removed: list[object] = []

    def stop(original: Callable[..., object]) -> Callable[..., object]:
        def remove(*arguments: object) -> object:
            if where == "said" or removed:
                raise Stopped
            removed.append(arguments)
            return original(*arguments)

        return remove

    def nothing(*_arguments: object) -> Iterator[str]:
        raise Stopped

    with monkeypatch.context() as patch:
        if where == "copied":
            patch.setattr(receipt_retention, "prune", nothing)
        patch.setattr(receipt_retention, "remove_segments", stop(retention.remove_segments))
        patch.setattr(table_retention, "remove_rows", stop(table_retention.remove_rows))
        assert isinstance(archive(state, tmp_path / "old").exception, Stopped)
    for _ in range(2):
        assert checked(state)["exit"] == 0
        assert checked(state, "--archive", tmp_path / "old")["exit"] == 0
        assert archive(state, tmp_path / "old").exit_code == 0
    whole = checked(state, "--archive", tmp_path / "old")
    assert (whole["exit"], whole["pruned"]) == (0, [])
    assert whole["receipts"] == whole["size"]


def test_another_archive_is_not_overwritten(state: State, tmp_path: Path) -> None:
    """What is there already, and isn't a copy, is somebody's."""
    writers = list_writers(state.folder() / "journal")
    for writer in writers:
        target = tmp_path / "old/journal" / writer.name / "000000000001.jsonl"
        target.parent.mkdir(parents=True)
        target.write_bytes(b"mine")
    refused = archive(state, tmp_path / "old")
    assert refused.exit_code == 2
    assert target.read_bytes() == b"mine"
    assert checked(state)["pruned"] == []
    assert archive(state, state.own.state / "old").exit_code == 2


def test_nothing_is_pruned_of_a_state_that_does_not_verify(state: State) -> None:
    """Otherwise a change could be pruned away."""
    writers = [each.name for each in list_writers(state.folder() / "journal")]
    state.drop(writers[0], range(2, 3))
    refused = prune(state, "--yes")
    assert refused.exit_code == 1
    assert "verif" in (refused.output + refused.stderr).lower()
    assert checked(state)["exit"] == 1


FORGED = ["one more", "no receipt", "by another key", "by the receipt key", "edited"]


@pytest.mark.parametrize("how", every(2, FORGED))
def test_what_vanished_is_not_taken_for_pruned(state: State, tmp_path: Path, how: str) -> None:
    """A receipt names the last one that went, by its number and its hash, and is signed."""
    record_more(state, 30)
    if how != "no receipt":
        assert prune(state, "--yes").exit_code == 0
        record_more(state, 30)
    copy = copied(state, tmp_path / "copy")
    writer = max(list_writers(copy / "journal"), key=lambda w: len(list(read_records_of(copy, w))))
    left = [said["sequence"] for said in read_records_of(copy, writer)]
    first, cut = int(left[0]["number"]), len(left) // 2
    gone = range(first + 1, first + 2) if how == "edited" else range(first, first + cut)
    state.drop(writer.name, gone)
    digest = left[cut]["previous"]["sha256"]
    if how == "by the receipt key":
        key = key_files.load(state.own.keys / "receipt.pem", "receipt")
        state.claim_pruned(
            writer.name, gone[-1], signed_claim(copy, writer.name, gone[-1], digest, key)
        )
    if how == "by another key":
        state.claim_pruned(
            writer.name, gone[-1], claim_by_another(tmp_path, writer.name, gone[-1], digest)
        )
    told = checked(state)
    assert told["exit"] == 1
    assert told.get("kind") == "dropped" or "table lacks" in str(told["bad"]), told


def copied(state: State, folder: Path) -> Path:
    """Return a folder with what is left now, which nobody minds."""
    if isinstance(state, FolderState):
        return state.folder()
    assert run("pull", *state.place, folder).exit_code == 0
    return folder


def signed_claim(
    copy: Path, writer: str, last: int, digest: str, key: signing_keys.SigningKey
) -> bytes:
    """Sign a receipt of a pruning that is in no journal and not in the log: only that tells."""
    said = next(iter(read_records(copy / "journal"))).statement
    said["predicate"] |= {
        "event": {"kind": "pruned", "of": writer, "lastNumber": last, "lastDigest": digest},
        "phase": "session",
    }
    return seal(canonical_encoding.encode(said), key)


def claim_by_another(tmp_path: Path, writer: str, last: int, digest: str) -> bytes:
    """Make a receipt of a pruning that is signed by somebody else."""
    with recording(tmp_path / "other") as recorder:
        event: dict[str, str | int] = {
            "kind": "pruned", "of": writer, "lastNumber": last, "lastDigest": digest,
        }  # fmt: skip
        return recorder.record_now(Draft.of_recorder("session", event)).envelope


def read_records_of(state: Path, writer: Path) -> Iterator[dict[str, Any]]:
    """Read one writer's predicates."""
    return (
        each.predicate
        for each in read_records(state / "journal")
        if each.predicate["sequence"]["writer"] == writer.name
    )
