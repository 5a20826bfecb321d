"""What mitmproxy gets for each chunk of a streamed response.

Bytes in, a list of bytes out: `[]` holds, where `b""` would end a chunked response. An exception
would drop one chunk and let the next ones pass, so none may leave here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from mitmproxy import http

from helm_boundary.enforcement.fallback_reply import NO_VERDICT, event_without_verdict
from helm_boundary.enforcement.reply import Reply
from helm_boundary.flows import conversion
from helm_boundary.streaming.gate import Gate, Question, Release, Step
from helm_boundary.streaming.keep_alive import KeepAlive
from helm_boundary.streaming.tap import Tap

logger = logging.getLogger(__name__)

SLICE = 5.0
"""Seconds after which a client that waits gets a sign of life, and the next after each."""

type Answer = Callable[[Question], Coroutine[None, None, list[Step]]]
"""Does what a gate asks for, and tells what follows from it."""


class TapFeed:
    """A stream that passes as it comes, and is listened to."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap

    def __call__(self, chunk: bytes) -> list[bytes]:
        """Let a chunk pass; `b""` is the end."""
        return self._tap.feed(chunk) if chunk else self._tap.finish()


class GateFeed:
    """A stream through its gate, which `patches.held_streams` feeds and waits for."""

    def __init__(self, gate: Gate, answer: Answer, keep_alive: KeepAlive | None) -> None:
        self._gate = gate
        self._answer = answer
        self._keep_alive = keep_alive
        self._question: Question | None = None
        self._answering: asyncio.Task[list[Step]] | None = None
        self._settled: list[bytes] = []
        self._is_broken = False

    def __call__(self, _: bytes) -> list[bytes]:
        """Let nothing pass where mitmproxy itself calls: its layer can't wait."""
        return []

    @property
    def asks(self) -> bool:
        """Whether a verdict, or the event that tells of one, is due before the next bytes."""
        return self._question is not None

    def take(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; returns what may leave now."""
        return self._apply(lambda: self._gate.feed(chunk))

    def finish(self) -> list[bytes]:
        """Take the end of the stream; returns what may leave now."""
        return self._apply(self._gate.finish)

    async def settle(self) -> None:
        """Wait for what is due, for one slice of time; `settled` has what may leave after it.

        Where the slice is over first, that is a sign of life, and the next call waits on.
        """
        if self._question is None:
            return
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer(self._question))
        done, _ = await asyncio.wait({self._answering}, timeout=SLICE)
        if not done:
            self._settled += self._keep_alive.next() if self._keep_alive else []
            return
        answered, self._answering, self._question = self._answering, None, None
        self._settled += self._apply(answered.result)

    def settled(self) -> list[bytes]:
        """Return what may leave after `settle`."""
        out, self._settled = self._settled, []
        return out

    def _apply(self, steps: Callable[[], list[Step]]) -> list[bytes]:
        if self._is_broken:
            return []
        out: list[bytes] = []
        try:
            for step in steps():
                if isinstance(step, Release):
                    out += step.events
                else:
                    self._question = step
        except Exception:
            out.append(self._break())
        return out

    def _break(self) -> bytes:
        self._is_broken, self._question = True, None
        self._gate.stopped = self._gate.stopped or NO_VERDICT
        logger.exception("helm-boundary: a stream could not be judged, so it ends here")
        return event_without_verdict(NO_VERDICT)


class OursOnly:
    """A reply in place of a response that would stream: all of ours first, nothing of theirs."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._sent = False

    def __call__(self, _: bytes) -> list[bytes]:
        """Give mitmproxy the whole reply in place of the first chunk, and nothing for the rest."""
        if self._sent:
            return []
        self._sent = True
        return [self._reply.body]

    def response(self) -> http.Response:
        """Make the response that streams this reply."""
        response = conversion.write_reply(self._reply)
        response.stream = self
        return response

    def finish(self, response: http.Response) -> None:
        """Give the response its body where nothing was streamed, because nothing came."""
        if not self._sent:
            response.content = self._reply.body
