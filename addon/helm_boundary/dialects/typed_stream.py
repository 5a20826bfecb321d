"""Streams whose events say of which type they are, and whose tool calls are kept in a ledger."""

from __future__ import annotations

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.streaming.ledger import Ledger
from helm_boundary.streaming.sse import Event

from . import event_data
from .json_shape import text_of


class TypedStream:
    """What the dialects of such streams share; each reads its own types."""

    KIND = "type"
    """The member that says of which type an event is; empty where only its name does."""
    TELLING: tuple[str, ...] = ()
    """How the types of events begin that tell of the answer, and so can't follow its end."""

    def __init__(self, status: int) -> None:
        self.done = False
        self._status = status
        self._ledger = Ledger()
        self._ended = self._failed = False

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        return self._ledger.holds

    @property
    def ready(self) -> bool:
        """Whether every tool call begun is complete, and at least one waits."""
        return self._ledger.ready

    def mark_judged(self) -> None:
        """Note that what was waiting has been judged."""
        self._ledger.mark_judged()

    def read(self, event: Event) -> None:
        """Take one event in.

        Raises:
            Refusal: not an event of the dialect, or a tool call out of its place.
        """
        value = event_data.value(event)
        if value is None:
            return
        kind = text_of(value.get(self.KIND)) or event.type
        if event.type and event.type != kind:
            raise schema_violation(f"an event's name and its `{self.KIND}` differ")
        if self._ended and kind.startswith(self.TELLING):
            raise schema_violation("the stream goes on after its end")
        self._read_typed(kind, value)

    def _end(self) -> None:
        """Note that the answer has ended."""
        self._ended = True
        self.done = not self._failed

    def _fail(self) -> None:
        """Note that an error has ended the answer, or will."""
        self._failed, self.done = True, False

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        raise NotImplementedError
