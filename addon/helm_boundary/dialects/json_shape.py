"""Reading JSON values that ought to have a shape; what hasn't is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.wire import strict_json

from .partial_json import completions

NAMES = frozenset(
    {
        "action", "arguments", "call_id", "choices", "command_index", "commands",
        "completion_tokens", "content", "content_block", "content_index", "conversation",
        "custom", "delta", "error", "event_type", "fallbacks", "finish_reason",
        "function", "function_call",
        "functions", "id", "index", "input", "input_tokens", "instructions", "interaction", "item",
        "item_id",
        "max_tokens", "message", "messages", "model", "models", "n", "name", "namespace",
        "output", "output_index", "output_tokens", "params", "partial_json",
        "previous_response_id", "prompt", "prompt_tokens", "reasoning", "refusal", "requests",
        "response", "role", "server_label", "server_name", "session", "status", "step", "steps",
        "stop_reason", "store", "stream", "system", "text", "tool", "tool_call_id", "tool_calls",
        "tool_choice", "tools", "toolset_name", "type",
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
    """Return the value, which is an object; else a Refusal that names `what`."""
    if not isinstance(value, dict):
        raise schema_violation(f"{what} isn't a JSON object")
    check_names(value, what)
    return value


def as_objects(value: Json, what: str) -> list[dict[str, Json]]:
    """Return the value, which is a list of objects; else a Refusal that names `what`."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise schema_violation(f"`{what}` isn't a list of objects")
    for item in value:
        check_names(item, f"`{what}`")
    return value


def as_flag(body: dict[str, Json], key: str) -> bool:
    """Read a member that is true, false or not there; else a Refusal."""
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise schema_violation(f"`{key}` is neither true nor false")
    return value is True


def as_model(body: dict[str, Json]) -> str:
    """Read the model's name; a Refusal where there is none."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise schema_violation("the body has no `model`; expected its name as a string")
    return model


def text_of(value: Json) -> str:
    """Return the value where it is a string, else nothing."""
    return value if isinstance(value, str) else ""


def model_of(told: dict[str, Json]) -> str | None:
    """Read which model an answer in any shape names, as watsonx.ai writes it, too."""
    return text_of(told.get("model")) or text_of(told.get("model_id")) or None


def names_of(value: dict[str, Json], keys: Iterable[str]) -> dict[str, str]:
    """Read those of a call's names that are told: its type, its own, its server's, ...

    Raises:
        Refusal: one is no text, in which clients may see a name or none.
    """
    return {key: name_of(value, key) for key in keys if value.get(key) is not None}


def name_of(value: dict[str, Json], key: str) -> str:
    """Read a call's name, or an id by which clients find it again; nothing where it has none.

    Raises:
        Refusal: it is no text, which some clients take for a name and others can't.
    """
    name = value.get(key)
    if isinstance(name, str):
        return name
    if name is not None:
        raise schema_violation(f"a tool call's `{key}` isn't a string")
    return ""


def index_of(value: Json, what: str, limit: int = 4096) -> int:
    """Return the value, which is an index below `limit`; else a Refusal that names `what`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise schema_violation(f"{what} has no usable index")
    return value


def tool_call(
    name: Json,
    arguments: Json,
    *,
    call_id: Json = None,
    choice: int = 0,
    pointer: str,
    kind: str = "function",
) -> ToolCall:
    """Make a tool call; `arguments` is the model's text, or a value that is written as JSON.

    A text that spells a JSON string isn't valid: some readers parse what that says once more.

    Raises:
        Refusal: it has no name.
    """
    if not isinstance(name, str) or not name:
        raise schema_violation("a tool call has no name")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    value, valid = arguments, not isinstance(arguments, str)
    if not valid:
        try:
            value = strict_json.parse(text.encode("utf-8"))
            valid = not isinstance(value, str)
        except Refusal:
            pass
    known_id = call_id if isinstance(call_id, str) else None
    value = value if valid else None
    return ToolCall(known_id, name, text, value, valid, choice, pointer, kind)


CUT_OFF = frozenset({"content_filter", "error", "length", "max_tokens", "model_length", "timeout"})
"""How a chat's choice says that its last call may not be whole, in lower case."""


def as_cut_off(call: ToolCall) -> Iterator[ToolCall]:
    """Yield a call of an answer that was cut off, and what partial parsers make of its arguments.

    One whose arguments are whole is itself; so is one that nobody began to write like this.
    """
    found = [] if call.valid_json or call.type == "custom" else completions(call.arguments_text)
    was_cut = bool(found) or (call.type == "custom" and bool(call.arguments_text))
    yield replace(call, complete=not was_cut)
    for text in found:
        value = strict_json.parse(text.encode("utf-8"))
        yield replace(call, arguments_text=text, arguments=value, valid_json=True, complete=False)
