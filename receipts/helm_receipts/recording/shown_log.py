"""A log as it is shown to others: its checkpoint, its tiles, and what lies beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from helm_receipts.log.tiles import TileReader
from helm_receipts.storage import durable


class ShownLog(Protocol):
    """A log that is shown; each method may raise OSError or `ReceiptError`."""

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint; empty before the first."""
        ...

    def tiles(self, size: int) -> TileReader:
        """Return a reader of its tiles at a size."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file beside the checkpoint; empty where there is none."""
        ...

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Keep files beside the checkpoint, by their names."""
        ...

    def kept_at(self, ending: str) -> float:
        """Return when a file with this ending was kept last, in seconds since 1970; 0 for never."""
        ...


class FolderLog:
    """The log of a state folder."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint; empty before the first."""
        return self.read("checkpoint")

    def tiles(self, size: int) -> TileReader:
        """Return a reader of its tiles at a size."""
        return TileReader(self._log, size)

    def read(self, name: str) -> bytes:
        """Return a file beside the checkpoint; empty where there is none."""
        path = self._log / name
        return path.read_bytes() if path.exists() else b""

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Keep files beside the checkpoint, durably."""
        for folder in {(self._log / name).parent for name in files}:
            durable.make_folder(folder, 0o755)
        durable.replace_files(self._log, files)

    def kept_at(self, ending: str) -> float:
        """Return when a file with this ending was written last."""
        found = (path.stat().st_mtime for path in self._log.rglob(f"*{ending}"))
        return max(found, default=0.0)
