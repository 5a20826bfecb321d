"""Streams that can wait.

mitmproxy calls a stream's callable from inside its layer, where nothing can be awaited: while
policy decides, every connection would stand still. Here the layer of one stream pauses on a hook
of ours, as mitmproxy's layers do on its own; what the upstream sends meanwhile is queued, and
other streams go on. The end of the message, trailers and `store_streamed_bodies` stay mitmproxy's.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mitmproxy import addonmanager, hooks, http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import ResponseData, ResponseEndOfMessage

_FEW, _LOOK_SECONDS = 100, 0.1
_stream_body = HttpStream.state_stream_response_body


class HeldStream(ABC):
    """What a response's `stream` is where its bytes may have to wait; nothing of it raises.

    No protocol that is checked member by member: each chunk asks whether it is one.
    """

    looked_at = 0.0
    """When it was last seen whether the flow was killed, while much had come and waited."""

    @property
    @abstractmethod
    def asks(self) -> bool:
        """Whether something is due before the next bytes."""

    @abstractmethod
    def take(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; returns what may leave now."""

    @abstractmethod
    def finish(self) -> list[bytes]:
        """Take the end of the stream; returns what may leave now."""

    @abstractmethod
    async def settle(self) -> None:
        """Wait for what is due, for a few seconds at most."""

    @abstractmethod
    def settled(self) -> list[bytes]:
        """Return what may leave after `settle`."""


@dataclass
class HelmStreamHook(commands.StartHook):
    """A stream waits for what is due before its next bytes."""

    stream: HeldStream


def let_streams_wait(addons: addonmanager.AddonManager) -> None:
    """Have mitmproxy's layer wait for a `HeldStream`; no addon sees or ends that hook."""
    inner = addons.handle_lifecycle

    async def handle_lifecycle(event: hooks.Hook) -> None:
        if isinstance(event, HelmStreamHook):
            await event.stream.settle()
        else:
            await inner(event)

    addons.handle_lifecycle = handle_lifecycle  # type: ignore[method-assign]
    HttpStream.state_stream_response_body = state_stream_response_body  # type: ignore[method-assign]


def state_stream_response_body(
    stream: HttpStream, event: events.Event
) -> layer.CommandGenerator[None]:
    """Handle a part of a streamed response, as mitmproxy's own, but for what waits."""
    held = stream.flow.response.stream if stream.flow.response else None
    if isinstance(event, ResponseData | ResponseEndOfMessage) and isinstance(held, HeldStream):
        is_data = isinstance(event, ResponseData)
        yield from _send(stream, held.take(event.data) if is_data else held.finish())
        while held.asks:
            yield HelmStreamHook(held)
            if _should_look(stream, held) and (yield from stream.check_killed(True)):
                return
            yield from _send(stream, held.settled())
        if is_data:
            return
    yield from _stream_body(stream, event)


@contextmanager
def hooks_go_on(flow: http.HTTPFlow) -> Iterator[None]:
    """Have no hook of an intercepted flow wait for its resume: what waits is one answer of it."""

    async def wait_for_resume() -> None:
        return None

    flow.wait_for_resume = wait_for_resume  # type: ignore[method-assign]
    try:
        yield
    finally:
        del flow.wait_for_resume


def _should_look(stream: HttpStream, held: HeldStream) -> bool:
    """Tell whether to see whether the flow was killed, for which mitmproxy reads all that waits.

    Behind a fast upstream that is thousands of events, so that one look for each is quadratic.
    """
    if len(stream._paused_event_queue) < _FEW:
        return True
    now = time.monotonic()
    if now - held.looked_at < _LOOK_SECONDS:
        return False
    held.looked_at = now
    return True


def _send(stream: HttpStream, chunks: Iterable[bytes]) -> layer.CommandGenerator[None]:
    for chunk in chunks:
        if stream.context.options.store_streamed_bodies:
            stream.response_body_buf += chunk
        yield SendHttp(ResponseData(stream.stream_id, chunk), stream.context.client)
