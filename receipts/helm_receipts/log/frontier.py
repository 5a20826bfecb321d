"""The right edge of a growing log: all that is needed to add entries and to know the root.

Pure values: entries go in, tiles come out. At each tile row the edge holds the hashes of the one
tile that isn't full yet; when it fills up, its root goes to the row above.
"""

from collections.abc import Iterable

from helm_receipts.errors import LogError

from .merkle import EMPTY_ROOT, fold, leaf_hash, node_hash
from .tiles import ENTRIES, WIDTH, encode_entries, tile_path


class Frontier:
    """A log of `size` entries that can grow; `rows` and `entries` are those of its right edge."""

    def __init__(
        self, size: int = 0, rows: Iterable[list[bytes]] = (), entries: Iterable[bytes] = ()
    ) -> None:
        self.size, self._rows, self._entries = size, list(rows), list(entries)
        self._full: dict[str, bytes] = {}
        self._taken = set(self._partial_tiles())
        """The partial tiles that were given out already and haven't grown since."""

    def add(self, entry: bytes) -> None:
        """Append an entry; at most 65,535 bytes."""
        if len(entry) > 0xFFFF:
            raise LogError(f"expected an entry of at most 65535 bytes, found {len(entry)}")
        number = self.size // WIDTH
        self._entries.append(entry)
        if len(self._entries) == WIDTH:
            self._full[tile_path(ENTRIES, number)] = encode_entries(self._entries)
            self._entries = []
        self._append(0, leaf_hash(entry), number)
        self.size += 1

    def take_tiles(self) -> dict[str, bytes]:
        """Return the tiles that are new since the last call, by their paths in the log's folder."""
        partial = self._partial_tiles()
        tiles = self.take_full_tiles()
        tiles |= {path: tile for path, tile in partial.items() if path not in self._taken}
        self._taken = set(partial)
        return tiles

    def take_full_tiles(self) -> dict[str, bytes]:
        """Return only those tiles that have become full since the last call."""
        tiles, self._full = self._full, {}
        return tiles

    def root(self) -> bytes:
        """Compute the root of the tree over everything added."""
        found: bytes | None = None
        for row in self._rows:
            end = len(row)
            for bit in range(8):
                if len(row) >> bit & 1:
                    peak = fold(row[end - (1 << bit) : end])
                    found = peak if found is None else node_hash(peak, found)
                    end -= 1 << bit
        return EMPTY_ROOT if found is None else found

    def _partial_tiles(self) -> dict[str, bytes]:
        tiles = {}
        if self._entries:
            path = tile_path(ENTRIES, self.size // WIDTH, len(self._entries))
            tiles[path] = encode_entries(self._entries)
        for level, row in enumerate(self._rows):
            if row:
                number = (self.size >> 8 * level) // WIDTH
                tiles[tile_path(level, number, len(row))] = b"".join(row)
        return tiles

    def _append(self, level: int, value: bytes, number: int) -> None:
        if level == len(self._rows):
            self._rows.append([])
        row = self._rows[level]
        row.append(value)
        if len(row) == WIDTH:
            self._full[tile_path(level, number)] = b"".join(row)
            self._append(level + 1, fold(row), number // WIDTH)
            row.clear()
