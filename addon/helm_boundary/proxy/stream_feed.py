"""What mitmproxy gets for each chunk of a streamed response.

Bytes in, a list of bytes out: `[]` holds, where `b""` would end a chunked response. An exception
would drop one chunk and let the next ones pass, so none may leave here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial

from mitmproxy import http

from helm_boundary.enforcement.fallback_reply import NO_VERDICT, event_without_verdict
from helm_boundary.enforcement.reply import Reply
from helm_boundary.evaluation.aside import LONG, aside
from helm_boundary.flows import conversion
from helm_boundary.streaming.gate import Gate, Question, Release, State, Step
from helm_boundary.streaming.keep_alive import EVERY, KeepAlive
from helm_boundary.streaming.tap import Tap

from .patches.held_streams import HeldStream

logger = logging.getLogger(__name__)

_FEW_LINES = 64
"""Lines of a chunk that are read at once, however long they are."""
_PIECE = 2 << 10
"""Bytes that are read at once: some hundred events at most."""

type Answer = Callable[[Question], Coroutine[None, None, list[Step]]]
"""Does what a gate asks for, and tells what follows from it."""


class TapFeed:
    """A stream that passes as it comes, and is listened to."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap

    def __call__(self, chunk: bytes) -> list[bytes]:
        """Let a chunk pass; `b""` is the end."""
        return self._tap.feed(chunk) if chunk else self._tap.finish()


class Pace:
    """The time for which a stream has kept the loop's thread without a pause."""

    SECONDS = 0.003
    """So long it may; then it is the others' turn."""
    SHARE = 1
    """How much time they have for each second of it: a small call takes dozens of turns."""
    PAUSE = 0.001
    """What is longer between two chunks wasn't ours."""

    def __init__(self) -> None:
        self.is_over = False
        self._began = self._left = 0.0

    def begin(self) -> None:
        """Begin anew, after the others' turn."""
        self.is_over, self._began = False, time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long it has kept it."""
        return max(0.0, self._left - self._began)

    def go_on(self) -> None:
        """Go on with it, or begin anew where there was a pause."""
        if time.perf_counter() - self._left > self.PAUSE:
            self.begin()

    def rest(self) -> bool:
        """Take note that something was read; tells whether it is the others' turn."""
        self._left = time.perf_counter()
        self.is_over = self._left - self._began > self.SECONDS
        return self.is_over


class GateFeed(HeldStream):
    """A stream through its gate, which `patches.held_streams` feeds and waits for.

    What comes is read a piece at a time, and where that takes long, others have their turn between
    two pieces; an event that is large is read aside.
    """

    def __init__(
        self,
        gate: Gate,
        answer: Answer,
        keep_alive: KeepAlive | None,
        is_alone: Callable[[], bool],
    ) -> None:
        self._gate = gate
        self._answer = answer
        self._keep_alive = keep_alive
        self._is_alone = is_alone
        self._question: Question | None = None
        self._answering: asyncio.Task[list[Step]] | None = None
        self._settled: list[bytes] = []
        self._is_broken = False
        self._pieces: deque[bytes | None] = deque()
        """What hasn't been read yet; None is the end of the stream."""
        self._pace = Pace()

    def __call__(self, _: bytes) -> list[bytes]:
        """Let nothing pass where mitmproxy itself calls: its layer can't wait."""
        return []

    @property
    def asks(self) -> bool:
        """Whether something is due before the next bytes: a verdict, or the others' turn."""
        return self._question is not None or bool(self._pieces) or self._pace.is_over

    def take(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; returns what may leave now."""
        # Nearly always nothing waits, and a chunk is an event.
        if len(chunk) <= _PIECE and self._gate.waiting <= LONG and not self.asks:
            self._pace.go_on()
            out = self._apply(partial(self._gate.feed, chunk))
            self._pace.rest()
            return self._with_sign_of_life(out)
        self._pieces += _cut(chunk)
        return self._with_sign_of_life(self._read_on())

    def finish(self) -> list[bytes]:
        """Take the end of the stream; returns what may leave now."""
        self._pieces.append(None)
        return self._read_on()

    async def settle(self) -> None:
        """Wait for what is due, for one slice of time; `settled` has what may leave after it.

        Where the slice is over first, that is a sign of life, and the next call waits on.
        """
        if self._question is not None:
            await self._settle_question(self._question)
        elif self._pieces and self._is_long(self._pieces[0]):
            await self._read_aside(self._pieces.popleft() or b"")
        else:
            # Who comes now has one turn of the loop, and is no longer nobody in the next pause.
            share = 0 if self._is_alone() else self._pace.SHARE
            await asyncio.sleep(share * self._pace.seconds)
        self._pace.begin()
        self._settled += self._read_on()

    def settled(self) -> list[bytes]:
        """Return what may leave after `settle`."""
        out, self._settled = self._settled, []
        return out

    def _with_sign_of_life(self, out: list[bytes]) -> list[bytes]:
        if self._keep_alive is None or self._is_broken:
            return out
        return self._keep_alive.beside(out, is_held=self._gate.state is State.HOLDING)

    async def _settle_question(self, question: Question) -> None:
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer(question))
        done, _ = await asyncio.wait({self._answering}, timeout=EVERY)
        if not done:
            self._settled += self._keep_alive.next() if self._keep_alive else []
            return
        answered, self._answering, self._question = self._answering, None, None
        self._settled += self._apply(answered.result)

    async def _read_aside(self, piece: bytes) -> None:
        """Read the piece that completes a large event, while other calls go on."""
        reading = asyncio.ensure_future(aside(self._gate.waiting, partial(self._gate.feed, piece)))
        await asyncio.wait({reading})
        self._settled += self._apply(reading.result)

    def _is_long(self, piece: bytes | None) -> bool:
        # An event is read when a line ends in it.
        may_end = piece is not None and (b"\n" in piece or b"\r" in piece)
        return may_end and self._gate.waiting > LONG

    def _read_on(self) -> list[bytes]:
        """Read pieces until one has to wait, or it is the others' turn."""
        out: list[bytes] = []
        self._pace.go_on()
        while self._pieces and self._question is None and not self._is_long(self._pieces[0]):
            piece = self._pieces.popleft()
            steps = self._gate.finish if piece is None else partial(self._gate.feed, piece)
            out += self._apply(steps)
            if self._pace.rest():
                break
        return out

    def _apply(self, steps: Callable[[], list[Step]]) -> list[bytes]:
        if self._is_broken:
            self._pieces.clear()
            return []
        out: list[bytes] = []
        try:
            for step in steps():
                if isinstance(step, Release):
                    out.append(b"".join(step.events))  # each would be a write of its own
                else:
                    self._question = step
        except Exception:
            out.append(self._break())
        return out

    def _break(self) -> bytes:
        self._is_broken, self._question = True, None
        self._pieces.clear()
        self._gate.stopped = self._gate.stopped or NO_VERDICT
        logger.exception("helm-boundary: a stream could not be judged, so it ends here")
        return event_without_verdict(NO_VERDICT)


def _cut(chunk: bytes) -> list[bytes]:
    if len(chunk) <= 2 * _PIECE or chunk.count(b"\n") + chunk.count(b"\r") < _FEW_LINES:
        return [chunk]
    return [chunk[at : at + _PIECE] for at in range(0, len(chunk), _PIECE)]


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
