"""A power failure in the last write, which may leave any of its sectors, in any combination."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope.key_files import load
from helm_receipts.journal.durable_mark import MARK
from helm_receipts.journal.records import read_records
from helm_receipts.journal.segments import list_segments
from helm_receipts.recording.recorder import Recorder
from support.receipts import CONFIGURATION, journal_of, outcome, request

SECTOR = 512


@dataclass(frozen=True)
class Failure:
    """A state folder just before its last write, and the segment just after it."""

    state: Path
    after: bytes
    acknowledged: frozenset[str]
    marks: tuple[bytes, ...]
    """What the mark may be: it isn't synced, so it may be any that was written."""

    def leave(self, folder: Path, kept: list[bool], mark: bytes) -> None:
        """Make a folder of what is left when those sectors of the last write came through."""
        shutil.copytree(self.state, folder, dirs_exist_ok=True)
        (segment,) = list_segments(journal_of(folder))
        before = segment.read_bytes().ljust(len(self.after), b"\0")
        sectors = [
            (self.after if keep else before)[at : at + SECTOR]
            for at, keep in zip(range(0, len(before), SECTOR), kept, strict=True)
        ]
        segment.write_bytes(b"".join(sectors))
        (journal_of(folder) / MARK).write_bytes(mark)

    @property
    def sectors(self) -> int:
        """How many sectors the segment has."""
        return -(-len(self.after) // SECTOR)


@pytest.fixture(scope="module")
def failure(tmp_path_factory: pytest.TempPathFactory) -> Failure:
    """Two calls recorded, one of them open, and three receipts more under way."""
    folder = tmp_path_factory.mktemp("power")
    live, before = folder / "live", folder / "before"
    recorder = Recorder.open(live, version="0.1.0", configuration=CONFIGURATION)
    mark = journal_of(live) / MARK
    marks = [mark.read_bytes()]
    acknowledged = set()
    for draft in (request("a"), outcome("a"), request("b")):
        acknowledged.add(recorder.record_now(draft).id)
        marks.append(mark.read_bytes())
    shutil.copytree(live, before)
    recorder._writer.commit([outcome("b"), request("c"), request("d")])
    (segment,) = list_segments(journal_of(live))
    after = segment.read_bytes()
    recorder.close()
    return Failure(before, after, frozenset(acknowledged), tuple(marks))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_acknowledged_receipts_survive_a_power_failure(
    failure: Failure, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The next start takes the journal up, whatever came through; it then verifies whole."""
    # Room that was ready is zeros before and after: only sectors with lines make a difference.
    lines = -(-len(failure.after.rstrip(b"\0")) // SECTOR)
    kept = data.draw(st.lists(st.booleans(), min_size=lines, max_size=lines))
    folder = tmp_path_factory.mktemp("after") / "state"
    mark = data.draw(st.sampled_from(failure.marks))
    failure.leave(folder, kept + [False] * (failure.sectors - lines), mark)
    Recorder.open(folder, version="0.1.0", configuration=CONFIGURATION).close()
    key = load(folder / "keys" / "receipt.pem", "receipt").public
    report = verify_journal(folder / "journal", [key])
    found = {record.id for record in read_records(folder / "journal")}
    assert failure.acknowledged <= found
    assert (report.torn, report.open_calls, report.running) == ((), 0, 0)
    shutil.rmtree(folder)
