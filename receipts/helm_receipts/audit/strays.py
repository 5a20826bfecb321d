"""Files of a log that say nothing true of it: tiles that it doesn't have, another folder's name.

A recorder that was stopped between its tiles and its checkpoint leaves tiles of receipts that
journals have and the log hasn't, and partial tiles from when they were narrower. Anything else that
lies there was put there, for somebody who reads tiles without looking at the checkpoint.
"""

import re
from contextlib import suppress
from pathlib import Path

from helm_receipts.envelope.checkpoint import Checkpoint
from helm_receipts.errors import Broken
from helm_receipts.journal.segments import segment_name
from helm_receipts.layout import Layout
from helm_receipts.log.tiles import ENTRIES, WIDTH, tile_path, tile_width

_TILE = re.compile(r"tile/(entries|[0-7])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?")


def list_tiles(layout: Layout) -> list[Path]:
    """List all files among the tiles; those with a dot in front are being written."""
    found = (layout.log / "tile").rglob("*")
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def refuse_strays(
    layout: Layout, tiles: list[Path], checkpoint: Checkpoint, not_in_log: int
) -> None:
    """Refuse tiles beyond the log and what isn't in it yet, and another name of the folder."""
    for path in layout.journal.glob("*/*.jsonl"):
        if not path.stem.isdecimal() or path.name != segment_name(int(path.stem)):
            raise Broken(
                "misnamed", f"{path.parent.name}/{path.name}", "no journal has such a file"
            )
    for path in tiles:
        with suppress(FileNotFoundError):  # a recorder removes partial tiles
            _check_tile(layout.log, path, checkpoint.size + not_in_log)
    if layout.origin.is_file():
        origin = layout.origin.read_text("ascii", "replace").strip()
        if origin != checkpoint.origin:
            found = f"it says {origin[:80]!r}, but the log is {checkpoint.origin!r}"
            raise Broken("origin", "origin", found)


def _check_tile(log: Path, path: Path, size: int) -> None:
    name = path.relative_to(log).as_posix()
    found = _TILE.fullmatch(name)
    if found is None:
        raise Broken("stray-tile", f"log/{name}", "no tile of any log has this name")
    level, number = found[1], int(found[2].replace("x", "").replace("/", ""))
    width = int(found[3]) if found[3] else WIDTH
    row = 0 if level == ENTRIES else int(level)
    if tile_path(level, number, width) != name or not 0 < width <= tile_width(row, number, size):
        raise Broken("stray-tile", f"log/{name}", f"a log of {size} entries has no such tile")
    full = log / tile_path(level, number)
    wider = full if full.is_file() else _widest(path.parent) if found[3] else path
    if not wider.read_bytes().startswith(path.read_bytes()):
        raise Broken("stray-tile", f"log/{name}", f"it differs from {wider.name}, which goes on")


def _widest(folder: Path) -> Path:
    return folder / max((each.name for each in folder.iterdir() if each.name.isdecimal()), key=int)
