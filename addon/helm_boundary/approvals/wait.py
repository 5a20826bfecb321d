"""The wait for a person, and the ways in which it can end."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .entry import Request


class Said(enum.Enum):
    """The end of a wait.

    DECIDED where the store has the answer, CROWDED where too many wait already, STOPPED where the
    boundary ends, VOID where another policy has come, FLOODED where the upstream sent more
    meanwhile than can wait.
    """

    YES = "yes"
    NO = "no"
    SILENCE = "silence"
    GONE = "gone"
    CHANGED = "changed"
    DECIDED = "decided"
    CROWDED = "crowded"
    STOPPED = "stopped"
    VOID = "void"
    FLOODED = "flooded"


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of a wait, and who ended it."""

    said: Said
    by: str = ""


type Park = Callable[[Request, Callable[[], bool]], Awaitable[Answered]]
"""Makes a flow wait until a person answers, or the second argument says that somebody has."""


class Again(enum.Enum):
    """The result where the flow changed while it was judged: judge it again, as a new call."""

    AGAIN = "again"


AGAIN = Again.AGAIN
