"""The recorder: durable, chained, and honest about what went wrong."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from helm_receipts.envelope import dsse, key_files, signatures, signing_keys
from helm_receipts.envelope.predicate import nanoseconds
from helm_receipts.envelope.record import Record
from helm_receipts.envelope.statement import Coverage, Draft, Outcome, ToolCall
from helm_receipts.errors import RecorderError, StatementError
from helm_receipts.journal import reader
from helm_receipts.journal.chain import WriterChain
from helm_receipts.journal.journal import Journal
from helm_receipts.journal.records import read_journal
from helm_receipts.journal.segments import list_segments
from helm_receipts.recording.recorder import Recorder
from support.receipts import CONFIGURATION, journal_of, outcome, record_calls, recording, request

type Others = Callable[[Recorder], list[Draft]]


def records(state: Path) -> list[Record]:
    """Read every receipt of a state folder and check its signature and its place in the chain."""
    key = key_files.load(state / "keys" / "receipt.pem", "receipt").public
    chain = WriterChain(journal_of(state).name)
    found = []
    for line in read_journal(journal_of(state)):
        dsse.parse_line(line.raw).check(key)
        record = reader.read_record(line)
        chain.accept(line, record.digest, record.predicate)
        found.append(record)
    return found


def phases(state: Path) -> list[str]:
    """List the kinds of receipts there are, in order; sessions by their event."""
    return [
        record.predicate["event"]["kind"]
        if record.predicate["phase"] == "session"
        else record.predicate["phase"]
        for record in records(state)
    ]


def test_a_call_has_a_request_and_an_outcome_between_a_start_and_a_stop(tmp_path: Path) -> None:
    """The journal of a session with one call, whole."""
    record_calls(tmp_path, 1)
    assert phases(tmp_path) == ["start", "request", "outcome", "stop"]


def test_a_receipt_is_on_disk_when_record_returns(tmp_path: Path) -> None:
    """The line is in the journal, under the id that was returned."""

    async def run() -> None:
        with recording(tmp_path) as recorder:
            receipt = await recorder.record(request("a"))
            found = reader.find_record(tmp_path / "journal", receipt.id)
            assert found.envelope == receipt.envelope
            assert found.digest == receipt.digest
            assert receipt.id == f"{receipt.writer}-{receipt.number:06d}"

    asyncio.run(run())


def test_no_content_is_in_a_receipt(tmp_path: Path) -> None:
    """Bodies, tool arguments and query strings leave nothing but salted digests."""
    secret = b"my sister's diagnosis"
    draft = replace(
        request("a", body=secret), tool_calls=(ToolCall("search", secret + b"2", "ALLOW"),)
    )
    with recording(tmp_path) as recorder:
        receipt = recorder.record_now(draft)
    payload = dsse.parse_line(receipt.envelope).payload
    assert b"diagnosis" not in payload
    import hashlib

    assert hashlib.sha256(secret).hexdigest().encode() not in payload


FORESEEN = [
    lambda recorder: [],
    lambda recorder: [request("b")],
    lambda recorder: [request("a", verdict="DENY")],
    lambda recorder: [replace(request("a"), enforcement="observed")],
    lambda recorder: [request("a", body=b"{}")],
    lambda recorder: [outcome("nobody")],
]


@pytest.mark.parametrize("others", FORESEEN)
def test_only_what_is_recorded_is_in_the_journal(tmp_path: Path, others: Others) -> None:
    """A receipt that was foreseen and didn't come leaves no trace; one that comes is as any."""
    with recording(tmp_path) as recorder:
        for draft in others(recorder):
            recorder.foresee(draft)
        receipt = recorder.record_now(request("a"))
        recorder.foresee(outcome("a"))
        other = recorder.record_now(request("c"))
        last = recorder.record_now(outcome("a"))
    found = [record.envelope for record in records(tmp_path)[1:4]]
    assert found == [receipt.envelope, other.envelope, last.envelope]
    assert phases(tmp_path) == ["start", "request", "request", "outcome", "outcome", "stop"]


def test_a_receipt_that_was_signed_ahead_is_recorded_as_it_is(tmp_path: Path) -> None:
    """It is signed once, and made again when it is no longer fresh."""
    made, seal = [], signatures.seal

    def counted(payload: bytes, key: signing_keys.SigningKey) -> bytes:
        made.append(payload)
        return seal(payload, key)

    with recording(tmp_path) as recorder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(signatures, "seal", counted)
        first_draft, second_draft = request("a"), request("b")
        recorder.foresee(first_draft)
        recorder.record_now(first_draft)
        assert len(made) == 1
        recorder.foresee(second_draft)
        time.sleep(0.01)
        late = recorder.record_now(second_draft)
        assert len(made) == 3
    first, second = (record.predicate["decidedAt"] for record in records(tmp_path)[1:3])
    assert second == reader.find_record(tmp_path / "journal", late.id).predicate["decidedAt"]
    assert nanoseconds(second) - nanoseconds(first) > 9_000_000


def test_many_calls_at_once_keep_one_chain(tmp_path: Path) -> None:
    """Sixteen tasks and synchronous records in between: numbers and hashes still follow."""

    async def call(recorder: Recorder, name: str) -> None:
        for number in range(10):
            await recorder.record(request(f"{name}.{number}"))
            if number % 3 == 0:
                await asyncio.sleep(0)
                recorder.record_now(outcome(f"{name}.{number}"))
            else:
                await recorder.record(outcome(f"{name}.{number}"))

    async def run() -> None:
        with recording(tmp_path) as recorder:
            await asyncio.gather(*(call(recorder, f"task{index}") for index in range(16)))

    asyncio.run(run())
    assert len(records(tmp_path)) == 16 * 10 * 2 + 2


def test_record_now_comes_after_what_was_pending(tmp_path: Path) -> None:
    """A synchronous record doesn't overtake one that waits, even one on another thread."""

    async def run() -> None:
        with recording(tmp_path) as recorder:
            first = asyncio.ensure_future(recorder.record(request("a")))
            second = asyncio.ensure_future(recorder.record(request("b")))
            await asyncio.sleep(0)
            third = recorder.record_now(request("c"))
            assert (await first).number < (await second).number < third.number

    asyncio.run(run())
    assert phases(tmp_path)[1:4] == ["request"] * 3


def test_a_cancelled_call_does_not_disturb_others_in_its_batch(tmp_path: Path) -> None:
    """A cancelled task's receipt is still written, and others' waits end."""

    async def run() -> None:
        with recording(tmp_path) as recorder:
            gone = asyncio.ensure_future(recorder.record(request("a")))
            stays = asyncio.ensure_future(recorder.record(request("b")))
            await asyncio.sleep(0)
            gone.cancel()
            assert (await stays).number == 3

    asyncio.run(run())


BAD_DRAFTS = {
    "unknown phase": replace(request("a"), phase="prayer"),  # type: ignore[arg-type]
    "unknown verdict": replace(request("a"), verdict="MAYBE"),  # type: ignore[arg-type]
    "unknown end": replace(
        outcome("a"),
        outcome=Outcome(200, (), 1, 1, None, "fine"),  # type: ignore[arg-type]
    ),
    "no flow": replace(request("a"), flow=None),
    "no request": outcome("never requested"),
    "a float": replace(request("a"), event={"kind": 1.5}),  # type: ignore[dict-item]
    "bytes": replace(request("a"), event={"kind": b"x"}),  # type: ignore[dict-item]
    "a number without bounds": replace(request("a"), coverage=Coverage("whole", "none", 2**60, 0)),
    "a name that isn't ASCII": replace(request("a"), event={"é": "x"}),
    "an unknown member": replace(request("a"), reasons=("text",)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("draft", BAD_DRAFTS.values(), ids=BAD_DRAFTS.keys())
def test_a_malformed_draft_is_refused_and_the_next_one_recorded(
    tmp_path: Path, draft: Draft
) -> None:
    """It is refused by name, alone or among others, and the chain goes on."""

    async def run() -> None:
        with recording(tmp_path) as recorder:
            with pytest.raises(StatementError):
                recorder.record_now(draft)
            good, bad = await asyncio.gather(
                recorder.record(request("b")), recorder.record(draft), return_exceptions=True
            )
            assert isinstance(bad, RecorderError)
            assert not isinstance(good, BaseException)

    asyncio.run(run())
    assert phases(tmp_path) == ["start", "request", "outcome", "stop"]


def test_a_call_has_one_outcome(tmp_path: Path) -> None:
    """A second outcome is refused, in the same batch too; a denied call has one as well."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a", "DENY"))
        recorder.record_now(outcome("a", "DENY", "denied"))
        with pytest.raises(StatementError, match="has its outcome already"):
            recorder.record_now(outcome("a"))
    assert phases(tmp_path) == ["start", "request", "outcome", "stop"]


@pytest.mark.parametrize("name", ["\ud800", "x" * 5_000_000, "\x00", "é😀", '"}],'])
def test_nothing_a_server_says_keeps_a_receipt_from_being_written(
    tmp_path: Path, name: str
) -> None:
    """Surrogates, long names and odd numbers in an answer are made fit, not refused."""
    odd = Outcome(200, (name,) * 3, 10**40, -1, name, "complete")
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        receipt = recorder.record_now(replace(outcome("a"), outcome=odd))
    assert len(receipt.envelope) < 20_000
    assert records(tmp_path)[2].predicate["outcome"]["usage"] == {
        "inputTokens": None,
        "outputTokens": None,
    }


def test_a_stop_closes_the_calls_that_are_open(tmp_path: Path) -> None:
    """Every request has an outcome, also when the boundary stops first."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
    assert phases(tmp_path) == ["start", "request", "outcome", "stop"]
    assert records(tmp_path)[2].predicate["outcome"]["end"] == "killed"
    recorder.close()
    with pytest.raises(RecorderError, match="closed"):
        recorder.record_now(request("b"))


def journal_in(recorder: Recorder) -> Journal:
    """Return the journal that a recorder writes into, which is a folder."""
    journal = recorder._writer._journal
    assert isinstance(journal, Journal)
    return journal


def crash(recorder: Recorder) -> None:
    """Leave the journal as a killed process leaves it: with its preallocated zeros."""
    segment, size = journal_in(recorder).durable_end
    recorder._writer.close()
    os.truncate(segment, size + 5_000)
    recorder._closed = True
    recorder._thread.shutdown()
    recorder._integrator.close()


def test_a_crash_is_recorded_at_the_next_start(tmp_path: Path) -> None:
    """The next start says that there was no stop, and closes the call that was open."""
    recorder = Recorder.open(tmp_path, version="0.1.0", configuration=CONFIGURATION)
    recorder.record_now(request("a"))
    crash(recorder)
    record_calls(tmp_path, 0)
    assert phases(tmp_path) == ["start", "request", "outcome", "start", "stop"]
    start = records(tmp_path)[3].predicate["event"]
    assert (start["previousStop"], start["closedCalls"]) == ("crash", 1)


# What a kill leaves, and what a power failure can: it may keep later sectors and lose earlier ones.
TORN = {
    "a beginning": b'{"payload":"half a li',
    "an end": b"\0" * 512 + b'a line"}]}\n',
    "a beginning and an end": b'{"payload":"hal' + b"\0" * 512 + b'a line"}]}\n',
    "an end and a whole line": b"\0" * 70_000 + b'a line"}]}\n{"payload":"..."}\n',
}


@pytest.mark.parametrize("ready", [0, 1, 70_000])
@pytest.mark.parametrize("torn", TORN.values(), ids=TORN.keys())
def test_a_torn_line_goes_to_quarantine(tmp_path: Path, torn: bytes, ready: int) -> None:
    """Bytes that were never acknowledged leave the journal, aren't lost, and are mentioned."""
    record_calls(tmp_path, 1)
    (segment,) = list_segments(journal_of(tmp_path))
    with segment.open("ab") as file:
        file.write(torn + b"\0" * ready)
    record_calls(tmp_path, 1)
    assert phases(tmp_path)[3:5] == ["stop", "start"]
    assert records(tmp_path)[4].predicate["event"]["quarantinedBytes"] == len(torn)
    (kept,) = (tmp_path / "quarantine").iterdir()
    assert kept.read_bytes() == torn


DAMAGE = {
    "a whole bad line": lambda text: text + b"{}\n",
    "a line twice": lambda text: text + text.splitlines(keepends=True)[-1],
    "a line gone": lambda text: b"".join(text.splitlines(keepends=True)[::2]),
    "a bit": lambda text: text[:-300] + bytes([text[-300] ^ 1]) + text[-299:],
    "an empty line": lambda text: text + b"\n",
    "zeros": lambda text: text[:-300] + bytes(100) + text[-200:],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_journal_that_contradicts_itself_is_not_continued(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    """Refuse to start, say why and what to do; nothing is changed."""
    record_calls(tmp_path, 2)
    (segment,) = list_segments(journal_of(tmp_path))
    segment.write_bytes(damage(segment.read_bytes()))
    before = segment.read_bytes()
    with pytest.raises(RecorderError, match="start with another state folder"):
        record_calls(tmp_path, 1)
    assert segment.read_bytes() == before


def test_another_receipt_key_does_not_continue_the_chain(tmp_path: Path) -> None:
    """A lost key isn't silently replaced under a journal that the old one signed."""
    record_calls(tmp_path, 1)
    (tmp_path / "keys" / "receipt.pem").unlink()
    with pytest.raises(RecorderError, match="restore it from your backup"):
        record_calls(tmp_path, 1)
    assert not (tmp_path / "keys" / "receipt.pem").exists()


def test_segments_roll_and_the_chain_goes_on(tmp_path: Path) -> None:
    """A small limit makes many segments, each named by its first receipt; restarts find the end."""
    for _ in range(3):
        record_calls(tmp_path, 20, segment_bytes=10_000)
    segments = list_segments(journal_of(tmp_path))
    assert len(segments) > 10
    assert all(segment.stat().st_size <= 10_000 for segment in segments)
    found = records(tmp_path)
    assert len(found) == 3 * 42
    assert reader.find_record(tmp_path / "journal", found[77].id).envelope == found[77].envelope


def test_a_crash_over_several_segments_finds_every_open_call(tmp_path: Path) -> None:
    """A call opened many segments ago is closed at the next start."""
    recorder = Recorder.open(
        tmp_path, version="0.1.0", configuration=CONFIGURATION, segment_bytes=10_000
    )
    recorder.record_now(request("long"))
    for number in range(30):
        recorder.record_now(request(f"c{number}"))
        recorder.record_now(outcome(f"c{number}"))
    crash(recorder)
    record_calls(tmp_path, 0, segment_bytes=10_000)
    closed = [
        r.predicate["flow"]["id"]
        for r in records(tmp_path)
        if "event" in r.predicate and r.predicate["event"]["kind"] == "recovered"
    ]
    assert closed == ["long"]


def test_two_recorders_have_two_journals(tmp_path: Path) -> None:
    """Each writer has its own folder and lock; the next one takes a free folder again."""
    with recording(tmp_path) as one, recording(tmp_path) as two:
        first, second = one.record_now(request("a")), two.record_now(request("a"))
        assert first.writer != second.writer
    with recording(tmp_path) as again:
        assert again.record_now(request("b")).writer in (first.writer, second.writer)
    assert len(list((tmp_path / "journal").iterdir())) == 2


def fail(recorder: Recorder) -> None:
    """Make the next write fail as a broken disk would: its descriptor becomes a full device."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal_in(recorder)._file)
    os.close(full)


def test_a_failed_write_refuses_until_a_new_segment_is_open(tmp_path: Path) -> None:
    """Nothing is retried on the old file; the recorder comes back by itself and says so."""

    async def run() -> None:
        with recording(tmp_path) as recorder:
            await recorder.record(request("a"))
            fail(recorder)
            with pytest.raises(RecorderError, match="free some room"):
                await recorder.record(request("b"))
            await recorder.record(request("c"))

    asyncio.run(run())
    assert phases(tmp_path)[:4] == ["start", "request", "recovered", "request"]
    assert len(list_segments(journal_of(tmp_path))) == 2


def test_an_outcome_that_could_not_be_written_is_recorded_later(tmp_path: Path) -> None:
    """The call's end is recorded as it was once the disk is back."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        fail(recorder)
        with pytest.raises(RecorderError):
            recorder.record_now(outcome("a"))
        recorder.record_now(request("b"))
    assert phases(tmp_path)[:5] == ["start", "request", "recovered", "outcome", "request"]
    assert records(tmp_path)[3].predicate["outcome"]["end"] == "complete"


def test_receipts_are_refused_at_once_while_the_disk_refuses(tmp_path: Path) -> None:
    """One attempt a second, not one a call."""
    with recording(tmp_path) as recorder:
        fail(recorder)
        with pytest.raises(RecorderError):
            recorder.record_now(request("a"))
        recorder._recover_after = float("inf")
        with pytest.raises(RecorderError, match="tried again every second"):
            recorder.record_now(request("b"))


def test_a_journal_that_somebody_shortened_is_not_continued(tmp_path: Path) -> None:
    """After a failure the old segment is read again; what was durable must be there."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        fail(recorder)
        with pytest.raises(RecorderError):
            recorder.record_now(request("b"))
        (segment,) = list_segments(journal_of(tmp_path))
        os.truncate(segment, 10)
        with pytest.raises(RecorderError, match="durable"):
            recorder.record_now(request("c"))
        with pytest.raises(RecorderError):
            recorder.close()


def test_a_deleted_journal_takes_no_more_receipts(tmp_path: Path) -> None:
    """A file that is unlinked still takes writes; nothing may be allowed on their strength."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        shutil.rmtree(tmp_path / "journal")
        with pytest.raises(RecorderError, match="somebody deleted"):
            recorder.record_now(request("b"))
        with pytest.raises(RecorderError):
            recorder.record_now(request("c"))
        with pytest.raises(RecorderError):
            recorder.close()


def test_a_renamed_segment_takes_no_more_receipts(tmp_path: Path) -> None:
    """Somebody's log rotation moves it away and puts an empty file in its place."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        (segment,) = list_segments(journal_of(tmp_path))
        moved = segment.rename(segment.with_suffix(".jsonl.1"))
        segment.touch()
        with pytest.raises(RecorderError, match="renamed"):
            recorder.record_now(request("b"))
        segment.unlink()
        moved.rename(segment)
        time.sleep(1.1)
        recorder.record_now(request("b"))
    assert phases(tmp_path)[:4] == ["start", "request", "recovered", "request"]


def test_bytes_of_a_failed_write_are_cut_off(tmp_path: Path) -> None:
    """Whole lines whose sync failed were refused to their callers, so they don't stay."""
    folder = tmp_path / "w"
    folder.mkdir()
    journal = Journal(folder, tmp_path / "quarantine")
    journal.open_last()
    journal.append(b"one\n", 1)
    with (folder / "000000000001.jsonl").open("r+b") as file:
        file.seek(4)
        file.write(b"two\n")
    journal._close_file()
    assert journal.reopen(2) == 4
    journal.append(b"2\n", 2)
    journal.close()
    assert [path.read_bytes() for path in list_segments(folder)] == [b"one\n", b"2\n"]


def test_no_receipt_is_made_with_an_opening_key_that_others_can_read(tmp_path: Path) -> None:
    """Erased while running and replaced by something unsafe: refused by name, nobody waits."""

    async def run() -> None:
        with recording(tmp_path) as recorder:
            (path,) = (tmp_path / "keys").glob("opening-*.key")
            unsafe = path.with_name("opening-29991231-00000000.key")
            unsafe.write_bytes(path.read_bytes())
            unsafe.chmod(0o644)
            path.unlink()
            with pytest.raises(RecorderError, match="chmod 600"):
                await asyncio.wait_for(recorder.record(request("a")), 5)
            unsafe.unlink()
            await asyncio.wait_for(recorder.record(request("b")), 5)

    asyncio.run(run())


def test_a_clock_that_goes_back_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large step back gets a receipt of its own; time never silently runs backwards."""
    import time

    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        now = time.time_ns()
        monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
        recorder.record_now(request("b"))
        monkeypatch.undo()
    assert phases(tmp_path)[:4] == ["start", "request", "clock", "request"]


def test_pseudonyms_are_stable_and_keyed(tmp_path: Path) -> None:
    """The same key has the same name after a restart, and another one elsewhere."""
    api_key = "made up " * 3
    with recording(tmp_path / "a") as one:
        name = one.pseudonym(api_key)
    with recording(tmp_path / "a") as again, recording(tmp_path / "b") as other:
        assert again.pseudonym(api_key) == name != other.pseudonym(api_key)
    assert len(name) == 64


def test_an_unusable_state_folder_is_refused_with_the_reason(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "state").write_text("")
    with pytest.raises(RecorderError, match="receipts can't be kept in"):
        Recorder.open(tmp_path / "state", version="0", configuration=CONFIGURATION)
