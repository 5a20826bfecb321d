"""Claims of receipts about the log itself, and a reading of the log that names what is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
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
        found = f"of size {reader.size}, but a receipt says that the log had {size} entries"
        raise Broken("old-checkpoint", "log/checkpoint", found)
    with naming_tiles():
        root = merkle.root_hash(size, reader.nodes)
    if root.hex() != event.get("logRoot"):
        if _root_of_entries(reader, size).hex() == event.get("logRoot"):
            raise Broken("edited-tile", "log/tile", "hashes that aren't those of the entries")
        raise Broken("forked-log", f"the log at size {size}", "a receipt names another root for it")


def read_entries(reader: TileReader) -> Iterator[bytes]:
    """Read every entry in order; `Broken` where a bundle is missing or malformed."""
    with naming_tiles():
        yield from reader.all_entries()


@contextmanager
def naming_tiles() -> Iterator[None]:
    """Turn what a reader of tiles refuses into `Broken`, with a kind of its own."""
    try:
        yield
    except ProofRefused as error:
        kind = "missing-tile" if isinstance(error, TileMissing) else "edited-tile"
        raise Broken(kind, "log", str(error)) from error


def _root_of_entries(reader: TileReader, size: int) -> bytes:
    edge = Frontier()
    for entry in islice(read_entries(reader), size):
        edge.add(entry)
    return edge.root()
