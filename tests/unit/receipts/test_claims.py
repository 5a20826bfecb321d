"""What the verifier must not say: each fixture lists claims that would go beyond the evidence."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.cli.receipts import receipts
from helm_receipts.audit.verify import NOT_PROVEN
from helm_receipts.envelope import signing_keys
from helm_receipts.envelope.opening import secret_ids
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from helm_receipts.recording import keyset
from helm_receipts.recording.openings import erase
from support.receipts import journal_of, outcome, record_calls, recording, request, unpin

# Words that promise what no receipt can.
NEVER = (
    "complete record",
    "all traffic",
    "nothing was left out",
    "nothing is missing",
    "tamper-proof",
    "authentic",
    "guarantee",
    "certif",
    "compliant",
    "trustworthy",
    "was safe",
    "rekor-compatible",
    "immutable",
)


@dataclass(frozen=True)
class Fixture:
    """A folder, what is asked, how it must end, and what must and mustn't be in the answer."""

    make: Callable[[Path], object]
    command: Callable[[Path], list[str]]
    exit_code: int
    says: tuple[str, ...]
    not_says: tuple[str, ...]


def _one_id(state: Path, index: int = 1) -> str:
    return list(read_records(state / "journal"))[index].id


def _line_file(state: Path) -> str:
    path = state / "one.json"
    path.write_bytes(next(iter(read_records(state / "journal"))).envelope)
    return str(path)


def _calls(state: Path) -> None:
    record_calls(state, 3)


def _running(state: Path) -> None:
    """Copy a folder that is being recorded into."""
    _calls(state)
    with recording(state) as recorder:
        recorder.record_now(request("open"))
        shutil.copytree(state, state.parent / "copy")
    shutil.rmtree(state)
    shutil.move(state.parent / "copy", state)


def _of_another_machine(state: Path) -> None:
    """With all its private keys, which may be a forger's."""
    _calls(state)
    unpin(state)


def _erased(state: Path) -> None:
    _calls(state)
    erase(state / "keys", secret_ids(state / "keys", "opening")[0])


def _observed(state: Path) -> None:
    from dataclasses import replace

    with recording(state) as recorder:
        recorder.record_now(replace(request("a", "DENY"), enforcement="observed"))
        recorder.record_now(replace(outcome("a", "DENY"), enforcement="observed"))


def _killed(state: Path) -> None:
    with recording(state) as recorder:
        recorder.record_now(request("a"))


def _behind(state: Path) -> None:
    _calls(state)
    recorder_log = state / "log-state"
    assert recorder_log.is_dir()
    with recording(state) as recorder:
        recorder._integrator.close()
        recorder.record_now(request("late"))
        recorder.record_now(outcome("late"))
        shutil.copytree(state, state.parent / "copy")
    shutil.rmtree(state)
    shutil.move(state.parent / "copy", state)


def _edited(state: Path) -> None:
    _calls(state)
    (segment,) = journal_of(state).glob("*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b'"sig":"', b'"sig":"A', 1))


def _tunnel(state: Path) -> None:
    from dataclasses import replace

    from support.receipts import flow

    with recording(state) as recorder:
        facts = replace(flow("a"), tls_inspected=False)
        recorder.record_now(replace(request("a"), flow=facts))


FIXTURES = {
    "one receipt": Fixture(
        _calls, lambda s: ["verify", "--state", str(s), _line_file(s)], 0,
        ("by itself",), ("in the log", "chain", "tiles", "outcomes")),
    "a journal without looking at the log": Fixture(
        _calls, lambda s: ["verify", "--state", str(s)], 0,
        ("each writer's chain",), ("tiles", "checkpoint,", "in the log  ")),
    "a whole folder": Fixture(
        _calls, lambda s: ["fsck", str(s)], 0, ("VERIFIED", "tiles"), ("continues",)),
    "a folder of another machine": Fixture(
        _of_another_machine, lambda s: ["fsck", str(s)], 3,
        ("INCOMPLETE", "not whose it is"), ("named by you",)),
    "a key of somebody else": Fixture(
        _calls, lambda s: ["verify", "--state", str(s), "--key", _other_key(s)], 1,
        ("NOT VERIFIED", "foreign-key"), ("receipts     8",)),
    "an edited journal": Fixture(
        _edited, lambda s: ["fsck", str(s)], 1,
        ("NOT VERIFIED", "first bad"), ("  receipts",)),
    "a running boundary": Fixture(
        _running, lambda s: ["fsck", str(s)], 3,
        ("INCOMPLETE", "calls open", "not stopped"), ("\nVERIFIED",)),
    "receipts that aren't in the log yet": Fixture(
        _behind, lambda s: ["fsck", str(s)], 3, ("INCOMPLETE", "not in log"), ("\nVERIFIED",)),
    "a receipt that isn't in the log yet": Fixture(
        _behind, lambda s: ["explain", "--state", str(s), _one_id(s, -1)], 0,
        ("not that it is in the log",), ("it is number",)),
    "an observed call": Fixture(
        _observed, lambda s: ["show", "--state", str(s), _one_id(s)], 0,
        ("OBSERVED ONLY, not enforced",), ("(enforced)", "was denied")),
    "a call that was cut off": Fixture(
        _killed, lambda s: ["explain", "--state", str(s), _one_id(s, 2)], 0,
        ("how it would have ended isn't known",), ("ran to its end", "complete")),
    "a call without TLS": Fixture(
        _tunnel, lambda s: ["show", "--state", str(s), _one_id(s)], 0,
        ("without TLS in between",), ("read inside TLS",)),
    "an erased opening": Fixture(
        _erased, lambda s: ["explain", "--state", str(s), "--opening", "request", _one_id(s)], 3,
        ("ERASED", "nobody can say"), ("broken", "is what was judged", "salt  ")),
    "another body": Fixture(
        _calls,
        lambda s: ["explain", "--state", str(s), "--opening", "request", "--body",
                   _line_file(s), _one_id(s)], 1,
        ("IS NOT what was judged",), (" is what was judged",)),
    "a receipt explained": Fixture(
        _calls, lambda s: ["explain", "--state", str(s), _one_id(s)], 0,
        ("Proven:", "signed exactly this", "Not proven:"), ("was right\nProven",)),
}  # fmt: skip


def _other_key(state: Path) -> str:
    path = state / "other.pem"
    path.write_bytes(signing_keys.generate("receipt").public.pem())
    return str(path)


@pytest.mark.parametrize("fixture", FIXTURES.values(), ids=FIXTURES.keys())
def test_no_claim_goes_beyond_the_evidence(tmp_path: Path, fixture: Fixture) -> None:
    """It says what it found, and never more; verifying commands name the limits."""
    state = tmp_path / "state"
    fixture.make(state)
    command = fixture.command(state)
    result = CliRunner().invoke(receipts, command)
    assert result.exit_code == fixture.exit_code, result.output
    said = "\n" + result.output
    for text in fixture.says:
        assert text in said, text
    for text in fixture.not_says:
        assert text not in said, text
    for text in NEVER:
        assert text not in said.lower(), text
    if command[0] in ("verify", "fsck"):
        for claim in NOT_PROVEN:
            assert claim in said
        as_json = json.loads(CliRunner().invoke(receipts, [*command, "--json"]).output)
        assert as_json["notProven"] == list(NOT_PROVEN)


def test_no_help_text_or_published_file_promises_more_than_the_evidence(tmp_path: Path) -> None:
    """Neither help nor published files use the words either."""
    texts = [CliRunner().invoke(receipts, [*name, "--help"]).output for name in ([], ["fsck"])]
    keyset.open_keyset(Layout(tmp_path))
    texts += [path.read_text() for path in (tmp_path / "log").iterdir() if path.is_file()]
    for text in texts:
        for word in NEVER:
            assert word not in text.lower().replace("certificateauthorities", "")
