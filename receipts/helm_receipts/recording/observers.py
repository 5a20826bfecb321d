"""Observers of a log: what shows its checkpoints to witnesses and timestamp authorities."""

from collections.abc import Callable, Sequence
from typing import Protocol

from .shown_log import ShownLog


class Observer(Protocol):
    """Shows checkpoints to somebody else: now and then, and once more at the end."""

    def attend(self) -> None:
        """Show the newest checkpoint, if it is time; doesn't wait for the answer."""
        ...

    def finish(self) -> None:
        """Show the last checkpoint and wait for the answer."""
        ...


def make_observers(
    log: ShownLog, whom: Sequence[str], tell: Callable[[str], None]
) -> list[Observer]:
    """Make what shows checkpoints to `whom`, each `witness=URL,vkey` or `timestamp=URL`.

    Nothing of it is imported where there are none; `tell` gets a line where one signs nothing.
    """
    found: list[Observer] = []
    named = [each.partition("=")[::2] for each in whom]
    if witnesses := [value for name, value in named if name == "witness"]:
        from .witness_client import parse_witness
        from .witnessing import Witnessing

        found.append(Witnessing(log, [*map(parse_witness, witnesses)], tell))
    for url in (value for name, value in named if name == "timestamp"):
        from .timestamping import Timestamping

        found.append(Timestamping(log, url, tell))
    return found
