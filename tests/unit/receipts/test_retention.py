"""Retention: what was archived or pruned is said by a receipt; what merely vanished is named."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.receipts import receipts
from helm_receipts.audit.fsck import fsck
from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope import canonical_encoding, key_files, signing_keys
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.public_keys import read_public_key
from helm_receipts.envelope.signatures import seal
from helm_receipts.errors import Broken
from helm_receipts.journal.beginnings import PRUNINGS
from helm_receipts.journal.records import read_records
from helm_receipts.journal.segments import list_segments, list_writers
from helm_receipts.layout import Layout
from helm_receipts.recording.rotation import rotate_receipt_key
from support.receipts import outcome, record_calls, recording, request


def run(*arguments: object) -> Result:
    """Run `helm-boundary receipts …`."""
    return CliRunner().invoke(receipts, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions in several segments; then two writers at once."""
    state = tmp_path_factory.mktemp("template") / "state"
    record_calls(state, 30, segment_bytes=20_000)
    with (
        recording(state, segment_bytes=20_000) as one,
        recording(state, segment_bytes=9_000) as two,
    ):
        for number in range(12):
            for recorder, name in ((one, "one"), (two, "two")):
                recorder.record_now(request(f"{name}-{number}"))
                recorder.record_now(outcome(f"{name}-{number}"))
    record_calls(state, 5)
    return state


@pytest.fixture
def state(template: Path, tmp_path: Path) -> Path:
    """Copy the template, to do something to."""
    shutil.copytree(template, tmp_path / "state")
    return tmp_path / "state"


def named(state: Path) -> tuple[object, ...]:
    """Name the folder's keys, as an auditor who has them would."""
    return ("--key", state / "log/receipt.pub.pem", "--vkey", state / "log/log.vkey")


def checked(state: Path, *more: object) -> dict[str, object]:
    """Run fsck with the keys named; returns what it told."""
    told: dict[str, object] = json.loads(
        run("fsck", "--state", state, *named(state), *more, "--json").output
    )
    return told


def archive(state: Path, folder: Path, *more: object) -> Result:
    """Archive all that can be."""
    return run("archive", "--state", state, "--before", "0s", "-o", folder, *more)


def test_what_is_archived_is_said_and_verifies_with_the_rest(state: Path, tmp_path: Path) -> None:
    """Of both writers; what is left is pruned, not broken; together it is whole again."""
    before = checked(state)
    assert before["exit"] == 0
    done = archive(state, tmp_path / "old", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)["pruned"]
    assert len(told) == 2
    assert all(len(list_segments(writer)) == 1 for writer in list_writers(state / "journal"))
    left = checked(state)
    assert (left["exit"], len(left["pruned"])) == (0, 2)  # type: ignore[arg-type]
    assert left["receipts"] < before["receipts"]  # type: ignore[operator]
    whole = checked(state, "--archive", tmp_path / "old")
    assert (whole["exit"], whole["pruned"]) == (0, [])
    assert whole["receipts"] == whole["size"]
    said = run("fsck", "--state", state, *named(state)).output
    assert said.startswith("VERIFIED")
    assert f"{told[0]['writer']}: receipts 1 to {told[0]['lastNumber']}" in said
    for more in ((), ("--archive", tmp_path / "old")):
        assert run("verify", "--state", state, *named(state)[:2], *more).exit_code == 0


def test_an_archive_verifies_by_itself(state: Path, tmp_path: Path) -> None:
    """As the beginning of journals that go on elsewhere; a second one says why it begins later."""
    archive(state, tmp_path / "first")
    record_calls(state, 20, segment_bytes=9_000)
    archive(state, tmp_path / "second")
    for name in ("first", "second"):
        done = run("verify", "--state", tmp_path / name, *named(state)[:2], "--json")
        assert done.exit_code == 3, done.output
        assert json.loads(done.output)["receipts"] > 10
    folders = ("--archive", tmp_path / "first", "--archive", tmp_path / "second")
    assert checked(state, *folders)["pruned"] == []
    assert checked(state, *folders[2:])["exit"] == 0


def test_an_archive_is_put_back(state: Path, tmp_path: Path) -> None:
    """Copied into the journals again, everything is as it was; then the log can be made anew."""
    archive(state, tmp_path / "old")
    refused = run("integrate", "--state", state, "--rebuild")
    assert refused.exit_code == 1
    assert "put what was archived back" in refused.output
    shutil.copytree(tmp_path / "old/journal", state / "journal", dirs_exist_ok=True)
    assert (checked(state)["exit"], checked(state)["pruned"]) == (0, [])
    assert run("integrate", "--state", state, "--rebuild").exit_code == 0
    assert checked(state)["exit"] == 0


def test_what_is_pruned_is_gone_and_the_rest_goes_on(state: Path) -> None:
    """Asked first; a receipt that is gone says so; what is left is shown, proved, exported."""
    journal = list_writers(state / "journal")[0]
    refused = CliRunner().invoke(
        receipts, ["prune", "--state", str(state), "--before", "0s"], input="n\n"
    )
    assert refused.exit_code == 1
    assert checked(state)["pruned"] == []
    assert run("prune", "--state", state, "--before", "90d").output.startswith("nothing")
    assert "would be" in run("prune", "--state", state, "--before", "0s", "--dry-run").output
    assert checked(state)["pruned"] == []
    assert run("prune", "--state", state, "--before", "0s", "--yes").exit_code == 0
    gone = run("show", "--state", state, f"{journal.name}-000001")
    assert gone.exit_code == 2
    assert "archived or pruned" in gone.stderr
    last = list(read_records(state / "journal"))[-1].id
    assert run("show", "--state", state, last).exit_code == 0
    assert run("prove", "--state", state, last).exit_code == 0
    assert run("export", "--state", state, "--format", "intoto").exit_code == 0
    record_calls(state, 20, segment_bytes=9_000)
    assert checked(state)["exit"] == 0


def test_receipts_of_prunings_may_be_pruned_themselves(state: Path) -> None:
    """They are kept beside the journals, since they explain where those begin."""
    for _ in range(3):
        assert run("prune", "--state", state, "--before", "0s", "--yes").exit_code == 0
        record_calls(state, 20, segment_bytes=9_000)
    told = checked(state)
    assert (told["exit"], len(told["pruned"])) == (0, 2)  # type: ignore[arg-type]
    (state / PRUNINGS).unlink()
    assert checked(state)["kind"] == "dropped"


def test_keys_that_were_rotated_before_are_no_fault(tmp_path: Path) -> None:
    """What is left of one journal is by the newer key, of another by the older: both are named."""
    state, old = tmp_path / "state", tmp_path / "old.pub.pem"
    with recording(state, segment_bytes=9_000) as one, recording(state) as two:
        for number in range(20):
            one.record_now(request(f"one-{number}"))
            one.record_now(outcome(f"one-{number}"))
        two.record_now(request("two"))
        two.record_now(outcome("two"))
    shutil.copy(state / "log/receipt.pub.pem", old)
    rotate_receipt_key(Layout(state), Boundary("x", "0.1.0", "00" * 32))
    record_calls(state, 20, segment_bytes=9_000)
    assert run("prune", "--state", state, "--before", "0s", "--yes").exit_code == 0
    assert checked(state, "--key", old)["exit"] == 0
    assert run("fsck", "--state", state).exit_code == 0  # pinned before, and followed


def test_receipts_are_archived_while_a_recorder_runs(state: Path, tmp_path: Path) -> None:
    """What it still needs stays; its call is ended, and everything verifies."""
    with recording(state, segment_bytes=9_000) as recorder:
        recorder.record_now(request("early"))
        for number in range(20):
            recorder.record_now(request(f"more-{number}"))
            recorder.record_now(outcome(f"more-{number}"))
        done = archive(state, tmp_path / "old")
        assert done.exit_code == 0, done.output
        assert "early" in {
            r.predicate["flow"]["id"]
            for r in read_records(state / "journal")
            if "flow" in r.predicate
        }
        recorder.record_now(outcome("early"))
    assert checked(state)["exit"] == 0
    assert checked(state, "--archive", tmp_path / "old")["pruned"] == []


def test_an_archive_that_was_interrupted_is_finished(state: Path, tmp_path: Path) -> None:
    """Copied, and nothing removed yet: the same command goes on."""
    shutil.copytree(state / "journal", tmp_path / "old/journal")
    for path in (tmp_path / "old").rglob("durable"):
        path.unlink()
    for writer in list_writers(tmp_path / "old/journal"):
        list_segments(writer)[-1].unlink()
    assert checked(state, "--archive", tmp_path / "old")["exit"] == 0
    assert archive(state, tmp_path / "old").exit_code == 0
    assert checked(state, "--archive", tmp_path / "old")["exit"] == 0


def test_another_archive_is_not_overwritten(state: Path, tmp_path: Path) -> None:
    """What is there already, and isn't a copy, is somebody's."""
    writer = max(list_writers(state / "journal"), key=lambda w: len(list_segments(w)))
    target = tmp_path / "old/journal" / writer.name / "000000000001.jsonl"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"mine")
    refused = archive(state, tmp_path / "old")
    assert refused.exit_code == 2
    assert target.read_bytes() == b"mine"
    assert checked(state)["pruned"] == []
    assert archive(state, state / "old").exit_code == 2


def test_nothing_is_pruned_of_a_folder_that_does_not_verify(state: Path) -> None:
    """Otherwise a change could be pruned away."""
    segment = list_segments(list_writers(state / "journal")[0])[0]
    segment.write_bytes(segment.read_bytes().replace(b'"sig":"', b'"sig":"AAAA', 1))
    refused = run("prune", "--state", state, "--before", "0s", "--yes")
    assert refused.exit_code == 1
    assert segment.exists()


@pytest.mark.parametrize(
    "how", ["one more", "no receipt", "by another key", "by the receipt key", "edited"]
)
def test_what_vanished_is_not_taken_for_pruned(state: Path, how: str) -> None:
    """A receipt names the last one that went, by its number and its hash, and is signed."""
    record_calls(state, 30, segment_bytes=9_000)
    if how != "no receipt":
        run("prune", "--state", state, "--before", "0s", "--yes")
        record_calls(state, 30, segment_bytes=9_000)
    writer = max(list_writers(state / "journal"), key=lambda w: len(list_segments(w)))
    first = list_segments(writer)[0]
    if how == "edited":
        lines = first.read_bytes().splitlines(keepends=True)
        first.write_bytes(b"".join([*lines[:1], *lines[2:]]))
    else:
        first.unlink()
    if how == "by the receipt key":
        forged_with(state, writer.name, key_files.load(state / "keys/receipt.pem", "receipt"))
    if how == "by another key":
        forged(state, writer.name, int(list_segments(writer)[0].stem) - 1)
    key = read_public_key((state / "log/receipt.pub.pem").read_bytes())
    vkey = LogKey.parse((state / "log/log.vkey").read_text())
    with pytest.raises(Broken) as caught:
        fsck(state, [key], [vkey])
    assert caught.value.kind == "dropped", str(caught.value)
    if how == "by the receipt key":
        return  # only the log can tell
    with pytest.raises(Broken) as caught:
        verify_journal(state / "journal", [key])
    assert caught.value.kind == "dropped", str(caught.value)


def forged_with(state: Path, writer: str, key: signing_keys.SigningKey) -> None:
    """Sign a receipt of a pruning that is in no journal and not in the log."""
    said = next(iter(read_records(state / "journal"))).statement
    left = next(read_records_of(state, writer))["sequence"]
    said["predicate"] |= {
        "event": {
            "kind": "pruned", "of": writer, "lastNumber": left["number"] - 1,
            "lastDigest": left["previous"]["sha256"],
        },
        "phase": "session",
    }  # fmt: skip
    line = seal(canonical_encoding.encode(said), key)
    with (state / PRUNINGS).open("ab") as file:
        file.write(line + b"\n")


def forged(state: Path, writer: str, last: int) -> None:
    """Add a receipt of a pruning that is signed by somebody else."""
    other = state.parent / "other"
    with recording(other) as recorder:
        from helm_receipts.envelope.statement import Draft

        first = next(read_records_of(state, writer))
        digest = first["sequence"]["previous"]["sha256"]
        event = {"kind": "pruned", "of": writer, "lastNumber": last, "lastDigest": digest}
        receipt = recorder.record_now(Draft.of_recorder("session", event))
    with (state / PRUNINGS).open("ab") as file:
        file.write(receipt.envelope + b"\n")


def read_records_of(state: Path, writer: str):  # type: ignore[no-untyped-def]
    """Read one writer's predicates."""
    return (
        r.predicate
        for r in read_records(state / "journal")
        if r.predicate["sequence"]["writer"] == writer
    )
