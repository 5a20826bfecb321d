"""The functions that mitmproxy calls with each chunk of a streamed response.

Bytes in, a list of bytes out: `[]` holds, where `b""` would end a chunked response. An exception
would drop one chunk and let the next ones pass, so none may leave here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from mitmproxy import http

from helm_boundary.enforcement.fallback_reply import NO_VERDICT, event_without_verdict
from helm_boundary.enforcement.reply import Reply
from helm_boundary.flows import conversion
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.tap import Tap

logger = logging.getLogger(__name__)


def feed_from(gate: Gate | Tap) -> Callable[[bytes], list[bytes]]:
    """Make the function that mitmproxy calls with each chunk; the gate says what passes."""
    broken = False

    def feed(chunk: bytes) -> list[bytes]:
        nonlocal broken
        if broken:
            return []
        try:
            return gate.feed(chunk) if chunk else gate.finish()
        except Exception:
            broken = True
            gate.stopped = gate.stopped or NO_VERDICT
            logger.exception("helm-boundary: a stream could not be judged, so it ends here")
            return [event_without_verdict(NO_VERDICT)]

    return feed


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
        """Write the response that streams this reply."""
        response = conversion.write_reply(self._reply)
        response.stream = self
        return response

    def finish(self, response: http.Response) -> None:
        """Give the response its body where nothing was streamed, because nothing came."""
        if not self._sent:
            response.content = self._reply.body
