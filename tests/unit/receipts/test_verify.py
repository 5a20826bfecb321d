"""Verification of one receipt and of journals: each way of tampering has its name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helm_receipts.audit import verify
from helm_receipts.audit.single_receipt import verify_receipt
from helm_receipts.envelope import dsse, key_files, signing_keys
from helm_receipts.envelope.signatures import seal
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import Broken, ReceiptError, SignatureRefused
from helm_receipts.journal.segments import list_segments
from support.receipts import journal_of, outcome, record_calls, recording, request


def key_of(state: Path) -> SigningKey:
    """Load the state folder's receipt key."""
    return key_files.load(state / "keys" / "receipt.pem", "receipt")


def check(state: Path) -> verify.JournalReport:
    """Verify with the state folder's own key."""
    return verify.verify_journal(state / "journal", [key_of(state).public])


def test_a_receipt_verifies_by_itself(tmp_path: Path) -> None:
    """With the key that made it, and with no other."""
    with recording(tmp_path) as recorder:
        receipt = recorder.record_now(request("a"))
    record = verify_receipt(receipt.envelope, key_of(tmp_path).public)
    assert (record.id, record.digest) == (receipt.id, receipt.digest)
    with pytest.raises(SignatureRefused):
        verify_receipt(receipt.envelope, signing_keys.generate("receipt").public)


@pytest.mark.parametrize(
    "payload", [b"{}", b"[]", b"not json", b'{"_type":"https://in-toto.io/Statement/v1"}', b""]
)
def test_a_signature_over_something_else_is_no_receipt(payload: bytes) -> None:
    """A payload that isn't our statement is refused even when it is signed."""
    key = signing_keys.generate("receipt")
    with pytest.raises(ReceiptError):
        verify_receipt(seal(payload, key), key.public)


def test_a_whole_journal_verifies(tmp_path: Path) -> None:
    """Three sessions over several segments: everything is counted."""
    for _ in range(3):
        record_calls(tmp_path, 10, segment_bytes=20_000)
    report = check(tmp_path)
    assert (report.receipts, report.calls, report.writers) == (66, 30, 1)
    assert report.is_complete


def test_what_is_unfinished_is_reported_and_not_refused(tmp_path: Path) -> None:
    """A running recorder with an open call is true but incomplete."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        report = check(tmp_path)
        assert (report.open_calls, report.running, report.is_complete) == (1, 1, False)


Lines = list[bytes]


def reseal(line: bytes, key: SigningKey, old: bytes, new: bytes) -> bytes:
    """Replace `old` by `new` in a receipt and sign it again."""
    payload = dsse.parse_line(line).payload
    assert old in payload
    return seal(payload.replace(old, new), key)


def flip(line: bytes, at: int) -> bytes:
    """Flip the lowest bit of one byte of a line."""
    return line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]


# What is done to the journal's lines, and the kind it must be named as. Line 0 is the start,
# then request and outcome alternate, the last line is the stop.
TAMPERING: dict[str, tuple[Callable[[Lines, SigningKey], Lines], set[str]]] = {
    "a bit of the payload": (lambda x, k: [x[0], flip(x[1], 100), *x[2:]], {"edited", "malformed"}),
    "a bit of the signature": (
        lambda x, k: [x[0], flip(x[1], -20), *x[2:]], {"edited", "malformed"}),
    "the keyid": (lambda x, k: [x[0], x[1].replace(k.keyid[:8].encode(), b"00000000"), *x[2:]],
                  {"foreign-key"}),
    "a line gone": (lambda x, k: [*x[:3], *x[4:]], {"dropped"}),
    "the first line gone": (lambda x, k: x[1:], {"dropped"}),
    "a line twice": (lambda x, k: [*x[:3], x[2], *x[3:]], {"repeated"}),
    "two lines swapped": (lambda x, k: [x[0], x[2], x[1], *x[3:]], {"reordered"}),
    "a verdict changed and signed again": (
        lambda x, k: [x[0], reseal(x[1], k, b'"ALLOW"', b'"DENY"'), *x[2:]], {"forked"}),
    "signed again by another key": (
        lambda x, k: [x[0], seal(dsse.parse_line(x[1]).payload, signing_keys.generate("receipt")),
                      *x[2:]], {"foreign-key"}),
    "backdated and signed again": (
        lambda x, k: [*x[:-1], reseal(x[-1], k, b'"decidedAt":"2', b'"decidedAt":"1')],
        {"backdated"}),
    "the stop signed again as a start": (
        lambda x, k: [*x[:-2], reseal(x[-1], k, b'"stop"', b'"start"')], {"dropped"}),
    "an outcome given to another call": (
        lambda x, k: [*x[:-2], reseal(x[-2], k, b'"id":"call-', b'"id":"cool-')],
        {"no-request"}),
    "another writer's name": (
        lambda x, k: [*x[:-1], reseal(x[-1], k, b'"writer":"', b'"writer":"z')], {"swapped"}),
    "not an envelope": (lambda x, k: [*x[:2], b"{}", *x[2:]], {"malformed"}),
    "an empty line": (lambda x, k: [*x[:2], b"", *x[2:]], {"malformed"}),
    "an envelope with spaces": (lambda x, k: [x[0].replace(b",", b", "), *x[1:]], {"malformed"}),
    "a payload that isn't ours": (lambda x, k: [*x, seal(b"{}", k)], {"malformed"}),
    "a torn middle": (lambda x, k: [x[0], x[1][:200] + x[2], *x[3:]], {"malformed"}),
}  # fmt: skip


@pytest.mark.parametrize(("change", "kinds"), TAMPERING.values(), ids=TAMPERING.keys())
def test_tampering_is_found_and_named(
    tmp_path: Path, change: Callable[[Lines, SigningKey], Lines], kinds: set[str]
) -> None:
    """The first bad line is named for what was done to it."""
    record_calls(tmp_path, 3)
    (segment,) = list_segments(journal_of(tmp_path))
    lines = change(segment.read_bytes().splitlines(), key_of(tmp_path))
    segment.write_bytes(b"".join(line + b"\n" for line in lines))
    with pytest.raises(Broken) as caught:
        check(tmp_path)
    assert caught.value.kind in kinds


def test_a_session_that_stops_with_a_call_open_lacks_an_outcome(tmp_path: Path) -> None:
    """A receipt that was never written is named too: here a stop replaces the outcome."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        from helm_receipts.recording.writer import session

        recorder.record_now(session("stop", {}))
        with pytest.raises(Broken, match="missing-outcome"):
            check(tmp_path)
        recorder._writer.open_calls.clear()
        recorder.record_now(session("start", {}))


def test_a_segment_moved_to_another_writer_is_found(tmp_path: Path) -> None:
    """Journals of two writers with their files swapped."""
    with recording(tmp_path) as one, recording(tmp_path) as two:
        one.record_now(request("a"))
        two.record_now(request("b"))
        two.record_now(outcome("b"))
        one.record_now(outcome("a"))
    first, second = (path / "000000000001.jsonl" for path in (tmp_path / "journal").iterdir())
    text = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(text)
    with pytest.raises(Broken, match="swapped"):
        check(tmp_path)


def test_a_torn_last_line_is_reported_and_not_refused(tmp_path: Path) -> None:
    """A cut-off last line was never acknowledged."""
    record_calls(tmp_path, 2)
    (segment,) = list_segments(journal_of(tmp_path))
    segment.write_bytes(segment.read_bytes()[:-50])
    report = check(tmp_path)
    assert len(report.torn) == 1
    assert not report.is_complete
