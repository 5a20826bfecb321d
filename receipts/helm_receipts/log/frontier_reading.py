"""The right edge of a log, read from its tiles."""

from .frontier import Frontier
from .tiles import WIDTH, TileReader, tile_width


def read_frontier(reader: TileReader) -> Frontier:
    """Read a log's frontier from its tiles; `ProofRefused` when one is missing."""
    rows, size = [], reader.size
    for level in range(8):
        complete = size >> 8 * level
        width = tile_width(level, complete // WIDTH, size)
        raw = reader.hashes(level, complete // WIDTH) if width else b""
        if complete:
            rows.append([raw[i : i + 32] for i in range(0, len(raw), 32)])
    return Frontier(size, rows, reader.entries(size // WIDTH) if size % WIDTH else ())
