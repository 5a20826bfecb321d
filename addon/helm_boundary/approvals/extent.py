"""The extent of a grant: whether it is good once, for a time, or for a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

type Kind = Literal["once", "time", "session", "always"]
"""The words of receipts. `always` is a session, until somebody changes the policy's data."""

KINDS: tuple[str, ...] = get_args(Kind.__value__)
DAY = 24 * 3600
"""Longest that a grant is good, in seconds, whatever a session's client says."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a grant goes; it is good for so many `seconds` however often, or once for 0."""

    kind: Kind = "once"
    seconds: int = 0

    @property
    def is_of_session(self) -> bool:
        """Whether it is for calls of one session alone."""
        return self.kind in ("session", "always")


ONCE = Extent()
SESSION = Extent("session", DAY)
ALWAYS = Extent("always", DAY)


def for_time(seconds: int) -> Extent:
    """Return the extent of a grant that is good for so many seconds, a day at most."""
    return Extent("time", min(seconds, DAY))
