"""Streams of operations without a dialect of their own, and those that can't be read at all."""

from __future__ import annotations

from dataclasses import replace

from helm_boundary.calls.call import Answer, Json
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.dialects import generic
from helm_boundary.streaming.sse import Event
from helm_boundary.streaming.stream import UnheldStream
from helm_boundary.wire import strict_json

from .call_pieces import added_up


class UnreadStream(UnheldStream):
    """What passes and isn't read: nothing is held, and nothing is known of it."""

    def __init__(self, status: int) -> None:
        self.done = False
        self._status = status

    def read(self, event: Event) -> None:
        """Let an event be."""

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Return the status alone."""
        return Answer(self._status, complete=self.done)


class GenericStream(UnreadStream):
    """The events of a stream as one list of JSON values, of at most `limit` bytes."""

    def __init__(self, status: int, limit: int) -> None:
        super().__init__(status)
        self._left = limit
        self._values: list[Json] = []

    def read(self, event: Event) -> None:
        """Take one event in; Refusal where it isn't JSON, or too much has come."""
        if event.data is None or event.data.strip() == b"[DONE]":
            return
        self._left -= len(event.data)
        if self._left < 0:
            raise schema_violation("the stream has more in it than is judged")
        self._values.append(strict_json.parse(event.data, "an event of the stream"))

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Return every text and tool call found so far."""
        told = generic.read_response(self._status, self._values)
        return replace(told, tool_calls=(*told.tool_calls, *added_up(self._values)))
