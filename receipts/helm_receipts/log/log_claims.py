"""Claims of receipts about the log itself, and a reading of the log that names what is wrong."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from helm_receipts.errors import Broken, ProofRefused, TileMissing

from . import merkle
from .frontier import Frontier
from .tiles import TileReader


def check_claim(predicate: dict[str, Any], reader: TileReader) -> None:
    """Check what a session's start says of the log's size and root; `Broken` if it isn't so."""
    event = predicate.get("event") or {}
    size = event.get("logSize")
    if predicate["phase"] != "session" or not isinstance(size, int):
        return
    if size > reader.size:
        raise Broken(
            "old-checkpoint",
            "log/checkpoint",
            f"of size {reader.size}, but a receipt says that the log had {size} entries",
        )
    try:
        root = merkle.root_hash(size, reader.nodes)
    except ProofRefused as error:
        raise tile_error(error) from error
    if root.hex() != event.get("logRoot"):
        if _root_of_entries(reader, size).hex() == event.get("logRoot"):
            raise Broken("edited-tile", "log/tile", "hashes that aren't those of the entries")
        raise Broken("forked-log", f"the log at size {size}", "a receipt names another root for it")


def read_entries(reader: TileReader) -> Iterator[bytes]:
    """Read every entry in order; `Broken` where a bundle is missing or malformed."""
    try:
        yield from reader.all_entries()
    except ProofRefused as error:
        raise tile_error(error) from error


def tile_error(error: ProofRefused) -> Broken:
    """Turn what a reader of tiles refused into `Broken`, with a kind of its own."""
    kind = "missing-tile" if isinstance(error, TileMissing) else "edited-tile"
    return Broken(kind, "log", str(error))


def _root_of_entries(reader: TileReader, size: int) -> bytes:
    edge = Frontier()
    for entry in islice(read_entries(reader), size):
        edge.add(entry)
    return edge.root()
