"""Witnesses: what they cosign is kept and held against the log; one may be away, lie, or fork."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.receipts import receipts
from helm_receipts.audit.trust_policy import parse_policy
from helm_receipts.envelope import key_files
from helm_receipts.envelope.checkpoint import Checkpoint, parse_checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.signatures import sign_checkpoint
from helm_receipts.errors import KeyRefused
from helm_receipts.recording.recorder import Recorder
from helm_receipts.recording.shown_log import FolderLog
from helm_receipts.recording.witness_client import WitnessRefused, cosign, parse_witness
from helm_receipts.recording.witnessing import FILE, Witnessing
from support.receipts import CONFIGURATION, outcome, record_calls, recording, request
from support.witness import Witness, running_witness


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Record some calls."""
    record_calls(tmp_path / "state", 5)
    return tmp_path / "state"


@pytest.fixture
def witness(state: Path) -> Iterator[Witness]:
    """Run a witness that knows the log."""
    with running_witness("witness.example/w1", log_of(state)) as running:
        yield running


def log_of(state: Path):  # type: ignore[no-untyped-def]
    """Return the log's key."""
    return LogKey.parse((state / "log/log.vkey").read_text())


def show(state: Path, *witnesses: Witness) -> list[str]:
    """Show the checkpoint to witnesses once; returns what is told."""
    told: list[str] = []
    parsed = [parse_witness(each.option) for each in witnesses]
    Witnessing(FolderLog(state / "log"), parsed, told.append).finish()
    return told


def policy(tmp_path: Path, state: Path, *witnesses: Witness, quorum: str = "all") -> Path:
    """Write a trust policy for a log and witnesses."""
    lines = [f"log {log_of(state).vkey}"]
    lines += [f"witness w{n} {each.key.vkey} {each.url}" for n, each in enumerate(witnesses)]
    lines += [f"group them {quorum} {' '.join(f'w{n}' for n in range(len(witnesses)))}"]
    path = tmp_path / "policy"
    path.write_text("\n".join(["# who is believed", *lines, "quorum them", ""]))
    return path


def fsck(state: Path, *more: object) -> Result:
    """Run `helm-boundary receipts fsck`."""
    return CliRunner().invoke(receipts, ["fsck", "--state", str(state), *map(str, more), "--json"])


def test_a_checkpoint_is_cosigned_and_kept(tmp_path: Path, state: Path, witness: Witness) -> None:
    """The first time and as the log grows; fsck says who has seen it, and when."""
    assert show(state, witness) == []
    record_calls(state, 300, segment_bytes=250_000)
    assert show(state, witness) == []
    assert witness.asked == [200, 409, 200]
    record_calls(state, 1)
    done = fsck(state, "--policy", policy(tmp_path, state, witness))
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.output)["witnesses"]
    assert told.startswith(f"{parse_checkpoint((state / 'log' / FILE).read_bytes()).size} entries")
    assert " by w0 at 20" in told


def test_a_recorder_shows_its_checkpoints(state: Path, witness: Witness) -> None:
    """In the process that integrates; the last one at its end."""
    recorder = Recorder.open(
        state, version="0.1.0", configuration=CONFIGURATION, whom=[f"witness={witness.option}"]
    )
    try:
        recorder.record_now(request("a"))
        recorder.record_now(outcome("a"))
        import time

        deadline = time.monotonic() + 20
        while not (state / "log" / FILE).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        recorder.close()
    assert 200 in witness.asked
    assert next(iter(witness.seen.values())).size > 0


def test_a_witness_that_is_away_is_told_and_keeps_nobody_waiting(
    tmp_path: Path, state: Path, witness: Witness
) -> None:
    """Receipts go on, the log too; what was cosigned before stays, and fewer don't replace it."""
    with running_witness("witness.example/w2", log_of(state)) as other:
        assert show(state, witness, other) == []
    before = (state / "log" / FILE).read_bytes()
    record_calls(state, 5)
    (told,) = show(state, witness, other)
    assert "witness.example/w2 can't be reached" in told
    assert (state / "log" / FILE).read_bytes() == before
    assert fsck(state, "--policy", policy(tmp_path, state, witness, other)).exit_code == 0
    (state / "log" / FILE).unlink()
    show(state, witness, other)
    done = fsck(state, "--policy", policy(tmp_path, state, witness, other))
    assert (done.exit_code, json.loads(done.output)["kind"]) == (1, "unwitnessed")
    any_of_them = policy(tmp_path, state, witness, other, quorum="any")
    assert fsck(state, "--policy", any_of_them).exit_code == 0


def test_a_witness_that_lies_is_not_believed(tmp_path: Path, state: Path, witness: Witness) -> None:
    """A cosignature of something else is none; nothing is kept of it."""
    witness.manner = "lie"
    (told,) = show(state, witness)
    assert "no cosignature that verifies" in told
    assert not (state / "log" / FILE).exists()
    done = fsck(state, "--policy", policy(tmp_path, state, witness))
    assert json.loads(done.output)["kind"] == "unwitnessed"


def test_a_stranger_cosigns_nothing(state: Path, witness: Witness) -> None:
    """Another key under the witness's name, and a witness that doesn't know the log."""
    with running_witness("witness.example/w1", log_of(state)) as other:
        mixed = parse_witness(f"{other.url},{witness.key.vkey}")
        note = (state / "log/checkpoint").read_bytes()
        with pytest.raises(WitnessRefused, match="no cosignature that verifies"):
            cosign(mixed, FolderLog(state / "log").tiles, note)
    witness.logs.clear()
    (told,) = show(state, witness)
    assert "doesn't know this log" in told


def test_a_log_that_forks_is_not_cosigned(tmp_path: Path, state: Path, witness: Witness) -> None:
    """The witness refuses, and what it cosigned before shows the fork to everybody."""
    shutil.copytree(state, tmp_path / "fork")
    with recording(state) as recorder:
        recorder.record_now(request("a"))
        recorder.record_now(outcome("a"))
    assert show(state, witness) == []
    with recording(tmp_path / "fork") as recorder:
        recorder.record_now(request("b", "DENY"))
        recorder.record_now(outcome("b", "DENY", "denied"))
    record_calls(tmp_path / "fork", 3)
    (told,) = show(tmp_path / "fork", witness)
    assert "one of the two was forked" in told
    shutil.copy(state / "log" / FILE, tmp_path / "fork/log" / FILE)
    done = fsck(tmp_path / "fork", "--policy", policy(tmp_path, state, witness))
    assert (done.exit_code, json.loads(done.output)["kind"]) == (1, "forked-log")


def test_a_log_that_was_set_back_is_not_cosigned(
    tmp_path: Path, state: Path, witness: Witness
) -> None:
    """With the same keys: the witness has seen more."""
    shutil.copytree(state, tmp_path / "before")
    record_calls(state, 5)
    assert show(state, witness) == []
    (told,) = show(tmp_path / "before", witness)
    assert "has seen this log with" in told
    assert "set back" in told


def test_a_forged_cosigned_checkpoint_is_refused(
    tmp_path: Path, state: Path, witness: Witness
) -> None:
    """With the log's key, but not the witness's: its line doesn't fit another root."""
    show(state, witness)
    note = (state / "log" / FILE).read_bytes()
    now = parse_checkpoint(note)
    key = key_files.load(state / "keys/log.pem", "log")
    forged = sign_checkpoint(Checkpoint(now.origin, now.size, bytes(32)), key)
    (state / "log" / FILE).write_bytes(forged + note.splitlines(keepends=True)[-1])
    done = fsck(state, "--policy", policy(tmp_path, state, witness))
    assert (done.exit_code, json.loads(done.output)["kind"]) == (1, "unwitnessed")


W = [f"w{n}" for n in range(3)]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("quorum them", ""),
        lambda text: text + "quorum them\n",
        lambda text: text.replace("quorum them", "quorum others"),
        lambda text: text.replace("group them all w0", "group them all w1"),
        lambda text: text.replace("group them all w0", "group them 2 w0"),
        lambda text: text.replace("group them all w0", "group them all"),
        lambda text: text.replace("group them all w0", "group them 2 w0 w0"),
        lambda text: text + text.splitlines()[1] + "\n",
        lambda text: text.replace("witness w0 ", "witness none "),
        lambda text: text.replace("log ", "logs "),
        lambda text: text.replace("witness.example/w1+", "witness.example/w2+"),
    ],
)
def test_a_policy_that_is_not_one_is_refused(  # type: ignore[no-untyped-def]
    tmp_path: Path, state: Path, witness: Witness, change
) -> None:
    """With its line."""
    text = policy(tmp_path, state, witness).read_text()
    parse_policy(text)
    with pytest.raises(KeyRefused, match="trust policy"):
        parse_policy(change(text))


def test_groups_may_be_nested(tmp_path: Path, state: Path) -> None:
    """As in the specification's example: two of these three, and one of those two."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        five = [
            stack.enter_context(running_witness(f"w{n}.example", log_of(state))) for n in range(5)
        ]
        lines = [f"witness w{n} {each.key.vkey}" for n, each in enumerate(five)]
        lines += ["group X 2 w0 w1 w2", "group Y any w3 w4", "group XY all X Y", "quorum XY"]
        (tmp_path / "policy").write_text("\n".join(lines))
        for shown, code in (((0, 1), 1), ((0, 1, 4), 0), ((0, 3), 1), ((1, 2, 3), 0)):
            (state / "log" / FILE).unlink(missing_ok=True)
            show(state, *(five[n] for n in shown))
            assert fsck(state, "--policy", tmp_path / "policy").exit_code == code
