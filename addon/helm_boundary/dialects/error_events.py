"""The last writes of a stream that is denied: nearly always its dialect's one event."""

from __future__ import annotations

import json
from typing import Any

from helm_boundary.wire.strict_json import dump_ascii

from . import dialect


def error_events(name: str, told: dict[str, Any]) -> list[bytes]:
    """Write how a stream in a dialect ends, each to be sent by itself.

    Google's own SDK for JavaScript, and so the Gemini CLI, raises on an error alone that comes as
    the API sends it in a stream: JSON without `data:`, and a chunk by itself. Readers of events
    skip that, and take the event behind it.
    """
    event = dialect(name).error_event(told)
    if name != "gemini" or not event.startswith(b"data: "):
        return [event]
    bare = json.loads(event.removeprefix(b"data: "))
    return [dump_ascii({"error": bare["error"]}) + b"\n\n", event]
