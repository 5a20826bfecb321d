"""Where the whole lines of a segment end, for whoever goes on writing there."""

from pathlib import Path
from typing import BinaryIO

from .segments import written_size

_CHUNK = 2**16


def whole_size(segment: Path) -> int:
    """Return how many bytes of a segment are whole lines, before any that isn't.

    A power failure can keep the end of a line and lose its beginning, which is then zeros.
    """
    size = hole = written_size(segment)
    with segment.open("rb") as file:
        for start in range(0, size, _CHUNK):
            found = file.read(min(_CHUNK, size - start)).find(b"\0")
            if found >= 0:
                hole = start + found
                break
        return _after_last_newline(file, hole)


def _after_last_newline(file: BinaryIO, end: int) -> int:
    while end:
        start = max(0, end - _CHUNK)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
