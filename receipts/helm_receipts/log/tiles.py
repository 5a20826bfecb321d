"""The tile directory: where a log's hashes and entries are, and how they are read and written.

Source: https://c2sp.org/tlog-tiles, version 1.0.

    tile/<L>/<N>[.p/<W>]         up to 256 hashes of 32 bytes; tile L holds the tree's level 8 L
    tile/entries/<N>[.p/<W>]     up to 256 times a 16-bit length, big-endian, and an entry

A full tile never changes. A partial one is named by its width W and never changes either: as the
log grows, wider ones appear beside it, and all of them may go once the full one is there.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

from helm_receipts.errors import ProofRefused, TileMissing

from .merkle import fold

WIDTH = 256
HEIGHT = 8
HASH_BYTES = 32
ENTRIES = "entries"

_CACHED_TILES = 16


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Return the path of a tile in the log's folder; `level` is a number or "entries"."""
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03d}")
    partial = f".p/{width}" if width < WIDTH else ""
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def tile_width(level: int, number: int, size: int) -> int:
    """Return how many hashes a tile has in a log of `size` entries; 0 if it isn't there."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - number * WIDTH))


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Write an entry bundle."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(bundle: bytes, width: int) -> list[bytes]:
    """Read the first `width` entries of a bundle; `ProofRefused` if it is malformed or shorter."""
    entries, at = [], 0
    while at < len(bundle):
        size = int.from_bytes(bundle[at : at + 2], "big")
        entry = bundle[at + 2 : at + 2 + size]
        if len(bundle) < at + 2 or len(entry) != size:
            raise ProofRefused(f"expected whole entries, found one cut off at byte {at}")
        entries.append(entry)
        at += 2 + size
    if len(entries) < width:
        raise ProofRefused(f"expected {width} entries, found {len(entries)}")
    return entries[:width]


def read_tile(log: Path, name: str, size: int | None = None) -> bytes:
    """Read a tile; of the full one that stands in for a partial one, the first `size` bytes.

    A recorder that runs removes partial ones. `TileMissing` where there is neither.
    """
    for path, end in ((log / name, None), (log / name.partition(".p/")[0], size)):
        if path.is_file():
            return path.read_bytes()[:end]
    raise TileMissing(f"expected {name}, found no such file")


class TileReader:
    """Reads the tiles of a log at one size. Only files are read; nothing is verified."""

    def __init__(self, log: Path, size: int) -> None:
        self.size = size
        self.read: Callable[[str], bytes] = partial(read_tile, log)
        self._cached = lru_cache(_CACHED_TILES)(self.hashes)

    def hashes(self, level: int, number: int) -> bytes:
        """Read the hashes of a tile, joined; `ProofRefused` when they aren't there."""
        width = tile_width(level, number, self.size)
        wanted = width * HASH_BYTES
        raw = self.read(tile_path(level, number, width))
        if len(raw) < wanted or len(raw) % HASH_BYTES:
            raise ProofRefused(
                f"expected {width} hashes in {tile_path(level, number, width)}, found {len(raw)} "
                "bytes"
            )
        return raw[:wanted]

    def entries(self, number: int) -> list[bytes]:
        """Read the entries of a bundle; `ProofRefused` when it is missing or malformed."""
        width = tile_width(0, number, self.size)
        bundle = self.read(tile_path(ENTRIES, number, width))
        try:
            return decode_entries(bundle, width)
        except ProofRefused as error:
            raise ProofRefused(f"{tile_path(ENTRIES, number, width)}: {error}") from error

    def all_entries(self, first_bundle: int = 0) -> Iterator[bytes]:
        """Read every entry in order, from a bundle on."""
        for number in range(first_bundle, -(-self.size // WIDTH)):
            yield from self.entries(number)

    def nodes(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, as `merkle.Nodes` does."""
        row, depth = divmod(level, HEIGHT)
        first = index << depth
        tile = self._cached(row, first // WIDTH)
        at = first % WIDTH
        hashes = [_hash_at(tile, at + offset) for offset in range(1 << depth)]
        return fold(hashes)


def _hash_at(tile: bytes, index: int) -> bytes:
    return tile[index * HASH_BYTES : (index + 1) * HASH_BYTES]
