"""Responses on a WebSocket: one after another, in one session."""

from __future__ import annotations

from helm_boundary.calls.call import Usage
from helm_boundary.streaming.sse import Event

from .responses_stream import ResponsesStream
from .told_texts import ToldTexts


class SessionStream(ResponsesStream):
    """Reads a session's events; after a response's end, the next one begins."""

    def read(self, event: Event) -> None:
        """Take one event in; Refusal where a tool call is out of its place."""
        if self._ended:
            self.restart()
        super().read(event)

    def restart(self) -> None:
        """Begin the next response: what was said is over, tool calls that have begun are not."""
        self.done = self._ended = self._failed = False
        self._final = None
        self._ledger.restart()
        self._told = ToldTexts()
        self._usage = Usage()  # each response counts its own
        self._growing = {}
        self.response, self.items, self.numbers = {}, {}, {}
