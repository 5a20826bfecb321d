"""An emergency: for a time verdicts are only written down, because somebody said so and why.

`<state>/observe.json` says until when. Every boundary on the state folder looks at it, writes a
receipt and then lets everything pass; when the time is over each enforces again by itself, also
one that was restarted meanwhile. Whatever can't be read, or isn't so by the clock, counts as over.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from helm_receipts.storage import durable

LONGEST = 24 * 3600
"""Seconds; whoever needs longer says it again, or sets helm_mode."""


@dataclass(frozen=True, slots=True)
class Observation:
    """From when until when (seconds since 1970), who said so, why, and the receipt of it."""

    began: float
    until: float
    by: str
    why: str
    receipt: str

    @classmethod
    def read(cls, state: Path, now: float | None = None) -> Self | None:
        """Return the one that is in force; None where there is none, or none any more."""
        with suppress(OSError, ValueError, TypeError):
            said = cls(**json.loads(_path(state).read_bytes()))
            at = time.time() if now is None else now
            if said.began <= at < said.until <= said.began + LONGEST:
                return said
        return None

    def write(self, state: Path) -> None:
        """Have every boundary on the state folder follow it; raises OSError."""
        durable.replace_file(_path(state), json.dumps(asdict(self)).encode() + b"\n", 0o600)

    @property
    def seconds_left(self) -> float:
        """How long it goes on."""
        return max(0.0, self.until - time.time())


def end(state: Path) -> None:
    """Have every boundary enforce again; raises OSError."""
    _path(state).unlink(missing_ok=True)
    durable.sync_folder(state)


def _path(state: Path) -> Path:
    return state / "observe.json"
