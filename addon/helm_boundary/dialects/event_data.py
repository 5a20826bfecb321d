"""What an event of a stream carries: a JSON object, the end's mark, or nothing; and writing one."""

from __future__ import annotations

from helm_boundary.calls.call import Json
from helm_boundary.streaming.sse import Event
from helm_boundary.wire import strict_json
from helm_boundary.wire.strict_json import dump_ascii

from .json_shape import as_object

END = b"[DONE]"
LAST = frozenset(
    {
        "chat.end", "conversation.response.done", "image_edit.completed",
        "image_generation.completed", "speech.audio.done", "stream-end", "transcript.text.done",
        "transcription.done",
    }
)  # fmt: skip
"""The types of the last events of streams without a mark at their end.

These are LM Studio's, Mistral's conversations, OpenAI's pictures and speech, Cohere's version 1,
and what OpenAI and Mistral have heard in a recording.
"""


def is_end(event: Event) -> bool:
    """Tell whether an event is the mark at the end of a stream."""
    return event.data is not None and event.data.strip() == END


def is_last(told: Json) -> bool:
    """Tell whether an event's value says by its type that nothing follows."""
    kinds = (told.get("type"), told.get("event_type")) if isinstance(told, dict) else ()
    return any(isinstance(kind, str) and kind in LAST for kind in kinds)


def value(event: Event) -> dict[str, Json] | None:
    """Read the object that an event carries; None for a comment, empty data and the end's mark.

    Raises:
        Refusal: it carries something else.
    """
    data = event.data
    if data is None:
        return None
    if data[:1] != b"{" and data.strip() in (b"", END):  # an empty `data:` keeps a line alive
        return None
    return as_object(strict_json.parse(data, "an event of the stream"), "an event of the stream")


def write_event(told: Json, name: str = "") -> bytes:
    """Write a server-sent event that carries a value, with a name where the dialect has names."""
    return (f"event: {name}\n" if name else "").encode() + b"data: " + dump_ascii(told) + b"\n\n"
