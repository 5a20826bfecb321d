"""Segments: where their lines end, however many preallocated zeros follow."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_receipts.errors import Broken
from helm_receipts.journal.journal import READY_BYTES, Journal
from helm_receipts.journal.reader import read_lines
from helm_receipts.journal.segments import list_segments, written_size
from helm_receipts.journal.whole_lines import whole_size

LINES = st.lists(st.binary(max_size=200).map(lambda b: b.replace(b"\n", b"").replace(b"\0", b"")))


def segment_of(folder: Path, content: bytes) -> Path:
    """Write a segment with that content."""
    path = folder / "000000000001.jsonl"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ready", [0, 1, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("content", [b"", b"one\n", b"one\ntwo\n", b"x" * 65_536 + b"\n"])
def test_preallocated_zeros_are_not_read_as_lines(
    tmp_path: Path, content: bytes, ready: int
) -> None:
    """Zeros at the end are neither written, nor a torn line."""
    segment = segment_of(tmp_path, content + bytes(ready))
    assert written_size(segment) == whole_size(segment) == len(content)
    assert [line.raw for line in read_lines(segment)] == content.splitlines()


@given(lines=LINES, torn=st.binary(max_size=50), ready=st.integers(0, 70_000))
def test_whole_lines_end_before_the_first_unfinished_one(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], torn: bytes, ready: int
) -> None:
    """Whatever comes after whole lines, if it has a zero byte or no newline, is no whole line."""
    whole = b"".join(line + b"\n" for line in lines)
    torn = b"\0" + torn + b"\n"
    segment = segment_of(tmp_path_factory.mktemp("segment"), whole + torn + bytes(ready))
    assert whole_size(segment) == len(whole)
    assert written_size(segment) == len(whole + torn)


def test_a_torn_line_before_preallocated_zeros_is_named(tmp_path: Path) -> None:
    """Readers that want whole journals hear of it, and where it is."""
    segment = segment_of(tmp_path, b"one\ntw" + bytes(1000))
    with pytest.raises(Broken, match="at byte 4: torn: 2 bytes"):
        list(read_lines(segment))


def test_a_journal_writes_over_preallocated_zeros(tmp_path: Path) -> None:
    """The file grows by much once, not by little each time, and is as long as its lines at last."""
    folder = tmp_path / "w"
    folder.mkdir()
    journal = Journal(folder, tmp_path / "quarantine")
    journal.open_last()
    journal.append(b"one\n", 1)
    (segment,) = list_segments(folder)
    sizes = {segment.stat().st_size}
    for number in range(2, 1000):
        journal.append(b"%059d\n" % number, number)
        sizes.add(segment.stat().st_size)
    assert len(sizes) == 1
    journal.append(b"x" * READY_BYTES + b"\n", 1000)
    assert segment.stat().st_size > sizes.pop()
    journal.close()
    assert segment.stat().st_size == 4 + 998 * 60 + READY_BYTES + 1
