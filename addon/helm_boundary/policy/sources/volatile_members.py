"""The volatile members that a policy's data names (``approvals.volatile``), read strictly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helm_boundary.calls.volatile import Volatile, VolatileError, read_volatile
from helm_boundary.policy.errors import PolicyError

from .data_place import named

_TOPIC, _LIST = "approvals", "volatile"
MOST = 100


def volatile_members(
    data: Mapping[str, Any], otherwise: Mapping[str, Any], folders: Sequence[Path] = ()
) -> tuple[Volatile, ...]:
    """Read what makes no difference between two requests; from ``otherwise`` if data has none.

    ``folders`` are those that the data came from, for its line in a message. Raises PolicyError
    for a member that can't be volatile.
    """
    topic = data.get(_TOPIC)
    if not isinstance(topic, Mapping) or _LIST not in topic:
        topic = otherwise.get(_TOPIC, {})
        folders = ()
    given = topic.get(_LIST) or []
    if not isinstance(given, list) or len(given) > MOST:
        raise _refused("expected a list of at most 100 members", [_TOPIC, _LIST], folders)
    return tuple(_read(member, at, folders) for at, member in enumerate(given))


def _read(member: Any, at: int, folders: Sequence[Path]) -> Volatile:
    path: Sequence[str | int] = (_TOPIC, _LIST, at)
    pointer, pattern = (
        (member.get("pointer"), member.get("pattern"))
        if isinstance(member, Mapping) and member.keys() <= {"pointer", "pattern"}
        else (None, None)
    )
    if not isinstance(pointer, str) or not isinstance(pattern, str | None):
        raise _refused("expected {pointer: …} or {pointer: …, pattern: …}", path, folders)
    try:
        return read_volatile(pointer, pattern)
    except VolatileError as error:
        raise _refused(str(error), path, folders) from None


def _refused(why: str, path: Sequence[str | int], folders: Sequence[Path]) -> PolicyError:
    return PolicyError(f"{named(path, folders)}: {why}")
