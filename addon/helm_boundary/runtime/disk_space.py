"""How much room there is for receipts, and when that is too little to be left alone."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

LEAST = 1 << 30
"""So many free bytes are enough, whatever the disk's size: half a million receipts."""
SHARE = 0.1
"""So large a part of a small disk is enough."""


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Bytes that this user may still write on the state folder's disk, of how many in all."""

    free: int
    total: int

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """Look; None where the system doesn't say."""
        try:
            found = shutil.disk_usage(folder)
        except OSError:
            return None
        return cls(found.free, found.total)

    @property
    def is_low(self) -> bool:
        """Whether receipts will find no room before long."""
        return self.free < min(LEAST, self.total * SHARE)

    def __str__(self) -> str:
        return f"{self.free / (1 << 20):,.0f} MB of {self.total / (1 << 20):,.0f} MB are free"
