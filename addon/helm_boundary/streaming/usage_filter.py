"""Taking out of a chat stream what came only because its usage was asked for in the client's place.

Source: `ChatCompletionStreamOptions` in OpenAI's description: with `include_usage` an extra chunk
without choices comes before the end, and every other chunk has a `usage` that is null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .gate import Cutter
from .sse import Event, EventCutter

_NULL = re.compile(rb',\s*"usage"\s*:\s*null(?=\s*[,}])')


class UsageFilter:
    """Cuts events as another cutter does; they are read whole, and leave without the usage.

    Where nobody asked for it the client would have got the same bytes.
    """

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter

    @property
    def waiting(self) -> int:
        """The bytes of an event that isn't complete."""
        return self._cutter.waiting

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Cut the events that this chunk completes; raises as the other cutter does."""
        for event in self._cutter.feed(chunk):
            yield without_usage(event)

    def finish(self) -> Event | None:
        """Return what is left at the end, as an event; None if nothing is."""
        event = self._cutter.finish()
        return None if event is None else without_usage(event)


def without_usage(event: Event) -> Event:
    """Return an event that leaves as it would have come unasked: without bytes for an extra one."""
    if b'"usage"' not in event.raw:  # of few chunks anything is said
        return event
    try:
        chunk = json.loads(event.data or b"")
    except ValueError:
        return event  # whoever reads the event says what is wrong with it
    if not isinstance(chunk, dict):
        return event
    if chunk.get("choices") == [] and chunk.get("usage") is not None:
        return event._replace(raw=b"")
    places = _NULL.findall(event.raw)
    if len(places) == 1 and "usage" in chunk and chunk["usage"] is None:
        return event._replace(raw=_NULL.sub(b"", event.raw))
    return event


def strip_usage(body: bytes, limit: int) -> bytes:
    """Take the same out of a stream that was held whole; raises as a cutter does."""
    cutter = UsageFilter(EventCutter(limit))
    parts = [event.raw for event in cutter.feed(body)]
    rest = cutter.finish()
    return b"".join((*parts, rest.raw if rest is not None else b""))
