"""Batches: an uploaded file whose every line is a call of its own, or a list of such calls.

Sources: OpenAI's Batch API reference, where a line is `{"custom_id", "method", "url", "body"}`, and
Anthropic's of Message Batches, whose body is `{"requests": [{"custom_id", "params"}]}`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.dialects.json_shape import as_object, as_objects
from helm_boundary.matching.catalogue import known_operations
from helm_boundary.wire import strict_json
from helm_boundary.wire.multipart import Part

from .parsed_call import Recognised, read_value

IN_ONE_BODY = "anthropic.createMessageBatch"
"""The operation whose body is a whole batch."""
PURPOSE = b"batch"
MAX_LINES = 50_000
"""As many as OpenAI takes."""
MAX_REQUESTS = 100_000
"""As many as Anthropic takes."""


def lines_of(parts: tuple[Part, ...]) -> bytes | None:
    """Find the batch file in an upload's form; None where the upload has another purpose."""
    found = {part.name: part.content for part in parts}
    return found.get("file") if found.get("purpose") == PURPOSE else None


def read_lines(lines: bytes) -> tuple[Recognised, ...]:
    """Read the calls in a batch's file.

    Raises:
        Refusal: a line that isn't a call which could be made by itself, with its number.
    """
    filled = [(n, line) for n, line in enumerate(lines.splitlines(), 1) if line.strip()]
    if not filled or len(filled) > MAX_LINES:
        raise schema_violation(f"a batch's file has 1 to {MAX_LINES} lines; this has {len(filled)}")
    return tuple(_named(f"line {number}", "", partial(_read_line, line)) for number, line in filled)


def read_requests(body: Json) -> tuple[Recognised, ...]:
    """Read the calls in the body of a batch of messages.

    Raises:
        Refusal: a request that isn't one which could be made by itself, with its number.
    """
    requests = as_objects(as_object(body, "the batch").get("requests"), "requests")
    if not requests or len(requests) > MAX_REQUESTS:
        raise schema_violation(
            f"a batch has 1 to {MAX_REQUESTS} requests; this has {len(requests)}"
        )
    return tuple(
        _named(f"request {at + 1}", f"/requests/{at}/params", partial(_read_message, each))
        for at, each in enumerate(requests)
    )


def _named(name: str, pointer: str, read: Callable[[], Recognised]) -> Recognised:
    try:
        return replace(read(), name=f"{name} of the batch", pointer=pointer)
    except Refusal as refusal:
        raise Refusal(
            refusal.code, f"{name} of the batch: {refusal.message}", refusal.finality
        ) from None


def _read_message(request: dict[str, Json]) -> Recognised:
    operation = known_operations().find("POST", ["messages"])
    unknown = request.keys() - {"custom_id", "params"}
    if operation is None or unknown:
        raise schema_violation("it has members beside `custom_id` and `params`")
    params = as_object(request.get("params"), "its `params`")
    return Recognised(operation, read_value(operation, params), strict_json.dump(params))


def _read_line(line: bytes) -> Recognised:
    value = strict_json.parse(line, "the line")
    asked = value if isinstance(value, dict) else {}
    method, url, body = asked.get("method"), asked.get("url"), asked.get("body")
    path = url.removeprefix("/v1") if isinstance(url, str) else ""  # Azure's have no version
    segments = path.strip("/").split("/")
    operation = known_operations().find("POST", segments) if method == "POST" else None
    if operation is None or operation.category != "inference" or not isinstance(body, dict):
        raise schema_violation("it isn't a POST of a known operation with an object as its body")
    return Recognised(operation, read_value(operation, body), strict_json.dump(body))
