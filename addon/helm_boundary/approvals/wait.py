"""Waiting for a person: what it can end with."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .entry import Request


class Said(enum.Enum):
    """What came of waiting; DECIDED where the store has the answer, CROWDED where too many
    wait already, STOPPED where the boundary ends, VOID where another policy has come,
    FLOODED where the upstream sent more meanwhile than can wait.
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
    """What a wait ended with, and who ended it."""

    said: Said
    by: str = ""


type Park = Callable[[Request, Callable[[], bool]], Awaitable[Answered]]
"""Lets a flow wait until a person answers, or the second argument says that somebody has."""


class Again(enum.Enum):
    """What was judged isn't what is there any more: judge it again, as another call."""

    AGAIN = "again"


AGAIN = Again.AGAIN
