"""Batches: an uploaded file whose every line is a call of its own, or a list of such calls.

Sources: OpenAI's Batch API reference, where a line is `{"custom_id", "method", "url", "body"}`, and
Anthropic's of Message Batches, whose body is `{"requests": [{"custom_id", "params"}]}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from helm_boundary.calls.call import Call, Json
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.dialects.json_shape import as_object, as_objects
from helm_boundary.matching.catalogue import known_operations
from helm_boundary.wire import strict_json
from helm_boundary.wire.multipart import Part

from .parsed_call import Recognised, read_value
from .unclaimed_members import carries_who_acts

IN_ONE_BODY = "anthropic.createMessageBatch"
"""The operation whose body is a whole batch."""
PURPOSE = b"batch"
MAX_LINES = 50_000
"""As many as OpenAI takes."""
MAX_REQUESTS = 100_000
"""As many as Anthropic takes."""
MAX_NAMED = 10
"""How many unreadable calls a refusal names."""
_LINE = frozenset({"body", "custom_id", "method", "url"})


def lines_of(parts: tuple[Part, ...]) -> bytes | None:
    """Find the batch file in an upload's form; None where the upload has another purpose."""
    found = {part.name: part.content for part in parts}
    if "file" not in found or bytes(found.get("purpose", b"")) != PURPOSE:
        return None
    return bytes(found["file"])


def read_lines(lines: bytes) -> tuple[Recognised, ...]:
    """Read the calls in a batch's file.

    Raises:
        Refusal: a line that isn't a call which could be made by itself, with its number.
    """
    filled = [(at, line) for at, line in enumerate(lines.splitlines()) if line.strip()]
    if not filled or len(filled) > MAX_LINES:
        raise schema_violation(f"a batch's file has 1 to {MAX_LINES} lines; this has {len(filled)}")
    return _read_all(
        (f"line {at + 1}", f"/file/{at}/body", partial(_read_line, line)) for at, line in filled
    )


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
    return _read_all(
        (f"request {at + 1}", f"/requests/{at}/params", partial(_read_message, each))
        for at, each in enumerate(requests)
    )


def with_calls(call: Call, inner: tuple[Recognised, ...]) -> Call:
    """Return the call of a batch with every model and tool of the calls in it."""
    tools = (
        replace(tool, pointer=each.pointer + tool.pointer)
        for each in inner
        for tool in each.call.tools
    )
    models = dict.fromkeys(
        model for each in inner for model in each.call.models or (each.call.model,) if model
    )
    return replace(call, models=(*call.models, *models), tools=(*call.tools, *tools))


def _read_all(parts: Iterable[tuple[str, str, Callable[[], Recognised]]]) -> tuple[Recognised, ...]:
    """Read each call of a batch, given its name, a pointer to it and how it is read."""
    found: list[Recognised] = []
    refused: list[tuple[str, Refusal]] = []
    for name, pointer, read in parts:
        try:
            found.append(replace(read(), name=f"{name} of the batch", pointer=pointer))
        except Refusal as refusal:
            refused.append((name, refusal))
        if len(refused) == MAX_NAMED:
            break
    if refused:
        raise _refusal(refused)
    return tuple(found)


def _refusal(refused: list[tuple[str, Refusal]]) -> Refusal:
    """Return one refusal of several, with all that is wrong."""
    name, first = refused[0]
    told = [f"{name} of the batch: {first.message}"]
    told += [f"{name}: {refusal.message}" for name, refusal in refused[1:]]
    more = "; and maybe more" if len(refused) == MAX_NAMED else ""
    return Refusal(first.code, "; ".join(told) + more, first.finality)


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
    if any(key not in _LINE and key.casefold() in _LINE for key in asked):
        raise schema_violation("it names a member in other letters than the API")
    if carries_who_acts({key: value for key, value in asked.items() if key not in _LINE}):
        raise schema_violation("it has a model or a tool beside its `body`")
    method, url, body = asked.get("method"), asked.get("url"), asked.get("body")
    path = url.removeprefix("/v1") if isinstance(url, str) else ""  # Azure's have no version
    segments = path.strip("/").split("/")
    operation = known_operations().find("POST", segments) if method == "POST" else None
    if operation is None or operation.category != "inference" or not isinstance(body, dict):
        raise schema_violation("it isn't a POST of a known operation with an object as its body")
    return Recognised(operation, read_value(operation, body), strict_json.dump(body))
