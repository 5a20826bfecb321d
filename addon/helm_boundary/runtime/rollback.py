"""Back to an earlier policy, because somebody said so and why.

`<state>/rollback.json` names the policy that is refused and the one in its place, both by digest.
It holds for that one policy alone: as soon as the policy's source gives a third one, that is tried
and taken as any change.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from helm_receipts.storage import durable

from .kept_policies import kept_file


@dataclass(frozen=True, slots=True)
class Rollback:
    """Which policy is refused, which is in its place, who said so, why, and its receipt."""

    refused: str
    instead: str
    by: str
    why: str
    receipt: str

    @classmethod
    def read(cls, state: Path) -> Self | None:
        """Return the one that is in force, None without one."""
        with suppress(OSError, ValueError, TypeError):
            return cls(**json.loads(_path(state).read_bytes()))
        return None

    def write(self, state: Path) -> None:
        """Have every boundary on the state folder follow it; raises OSError."""
        durable.replace_file(_path(state), json.dumps(asdict(self)).encode() + b"\n", 0o600)

    def file(self, state: Path) -> Path:
        """Return where the policy in its place is kept."""
        return kept_file(state, self.instead)


def end(state: Path) -> None:
    """Have every boundary take its policy from its source again; raises OSError."""
    _path(state).unlink(missing_ok=True)
    durable.sync_folder(state)


def _path(state: Path) -> Path:
    return state / "rollback.json"
