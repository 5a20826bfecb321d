"""Reading JSON values that ought to have a shape; what hasn't is refused."""

from __future__ import annotations

import json

from helm_boundary.calls.call import Json, ToolCall, Usage
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.wire import strict_json

NAMES = frozenset(
    {
        "action", "arguments", "call_id", "choices", "command_index", "commands",
        "completion_tokens", "content", "content_block", "content_index", "conversation",
        "custom", "delta", "error", "fallbacks", "finish_reason", "function", "function_call",
        "functions", "id", "index", "input", "input_tokens", "instructions", "item", "item_id",
        "max_tokens", "message", "messages", "model", "models", "n", "name", "namespace",
        "output", "output_index", "output_tokens", "params", "partial_json",
        "previous_response_id", "prompt", "prompt_tokens", "reasoning", "refusal", "requests",
        "response", "role", "server_label", "server_name", "session", "status", "stop_reason",
        "store", "stream", "system", "text", "tool", "tool_calls", "tool_choice", "tools", "type",
        "usage",
    }
)  # fmt: skip
"""Names of members that say what a call or an answer does, in any dialect."""


_RIGHT: set[tuple[str, ...]] = set()
"""Lists of names that have been found right."""
_REMEMBERED = 512
_SHORT = 512


def check_names(value: dict[str, Json], what: str) -> None:
    """Refuse a member that is named as one of the API's, but for its letters' case.

    Readers in Go (encoding/json), which serve many a local model and many a client, take both for
    the same.
    """
    names = tuple(value)
    if names in _RIGHT:  # nearly always: events of one stream are alike
        return
    for name in names:
        plain = name.isascii() and name.islower()
        if not plain and name not in NAMES and name.casefold() in NAMES:
            raise schema_violation(
                f"{what} has a member whose name differs from the API's in letter case only"
            )
    if len(_RIGHT) < _REMEMBERED and len("".join(names)) <= _SHORT:
        _RIGHT.add(names)


def as_object(value: Json, what: str) -> dict[str, Json]:
    """The value, which is an object; else a Refusal that names `what`."""
    if not isinstance(value, dict):
        raise schema_violation(f"{what} isn't a JSON object")
    check_names(value, what)
    return value


def as_objects(value: Json, what: str) -> list[dict[str, Json]]:
    """The value, which is a list of objects; else a Refusal that names `what`."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise schema_violation(f"`{what}` isn't a list of objects")
    for item in value:
        check_names(item, f"`{what}`")
    return value


def as_flag(body: dict[str, Json], key: str) -> bool:
    """A member that is true, false or not there; else a Refusal."""
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise schema_violation(f"`{key}` is neither true nor false")
    return value is True


def as_model(body: dict[str, Json]) -> str:
    """The model's name; a Refusal where there is none."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise schema_violation("the body has no `model`; expected its name as a string")
    return model


def text_of(value: Json) -> str:
    """The value where it is a string, else nothing."""
    return value if isinstance(value, str) else ""


def count_of(value: Json) -> int | None:
    """The value where it is a count, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def token_counts(usage: Json) -> Usage:
    """The counts of a `usage` object that names them input and output."""
    if not isinstance(usage, dict):
        return Usage()
    check_names(usage, "the answer's usage")
    return Usage(count_of(usage.get("input_tokens")), count_of(usage.get("output_tokens")))


def index_of(value: Json, what: str, limit: int = 4096) -> int:
    """The value, which is an index below `limit`; else a Refusal that names `what`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise schema_violation(f"{what} has no usable index")
    return value


def tool_call(
    name: Json, arguments: Json, *, call_id: Json = None, choice: int = 0, pointer: str
) -> ToolCall:
    """A tool call; `arguments` is the model's text, or a value that is written as JSON.

    Raises:
        Refusal: it has no name.
    """
    if not isinstance(name, str) or not name:
        raise schema_violation("a tool call has no name")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    value, valid = arguments, not isinstance(arguments, str)
    if not valid:
        try:
            value, valid = strict_json.parse(text.encode("utf-8")), True
        except Refusal:
            value = None
    known_id = call_id if isinstance(call_id, str) else None
    return ToolCall(known_id, name, text, value, valid, choice, pointer)
