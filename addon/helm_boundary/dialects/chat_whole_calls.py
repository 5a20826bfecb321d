"""The tool calls of a chat's whole message, and of what stands in its place in a stream.

A call is where this module reads one, or the answer is refused: policy wouldn't see it, and some
reader might make it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.calls.refusal import schema_violation

from .chat_call_signs import RUN, Signs, holds_calls, signs_of_calls
from .json_shape import CUT_OFF, as_cut_off, as_object, as_objects, text_of
from .json_shape import tool_call as read_tool_call

CALLS = ("tool_calls", "function_call")
"""Where a message's tool calls are."""


def whole_calls(
    message: dict[str, Json], pointer: str, choice: int, finish: str = ""
) -> list[ToolCall]:
    """Read the tool calls of a whole message; `finish` is why the model stopped.

    Raises:
        Refusal: one of a shape this dialect doesn't have.
    """
    found = [*_made(message, pointer, choice), *_run(message, pointer, choice)]
    if finish not in CUT_OFF:
        return found
    return [each for call in found for each in as_cut_off(call)]


def _made(message: dict[str, Json], pointer: str, choice: int) -> Iterator[ToolCall]:
    calls = message.get("tool_calls")
    for at, call in enumerate([] if calls is None else as_objects(calls, "tool_calls")):
        made = tool_call(call, choice, f"{pointer}/tool_calls/{at}")
        if made is not None:
            yield made
    old = message.get("function_call")
    made = None if old is None else function_call(old, choice, f"{pointer}/function_call")
    if made is not None:
        yield made


def _run(message: dict[str, Json], pointer: str, choice: int) -> Iterator[ToolCall]:
    """Yield what the provider has run, where it has a name of its own."""
    found = message.get(RUN)
    for at, item in enumerate([] if found is None else as_objects(found, RUN)):
        name, server = text_of(item.get("name")), text_of(item.get("server_label"))
        if name:
            yield read_tool_call(
                f"mcp.{server}.{name}" if server else name,
                item.get("arguments") or "",
                call_id=item.get("id"),
                choice=choice,
                pointer=f"{pointer}/{RUN}/{at}",
                kind="hosted",
            )


def tool_call(found: Json, choice: int, pointer: str) -> ToolCall | None:
    """Read one entry of `tool_calls`: a function call or a custom tool's call; None where empty.

    Raises:
        Refusal: an entry without a name, or of a shape this dialect doesn't have.
    """
    found = as_object(found, "a tool call")
    kind = told_kind(found) or "function"
    call_id = found.get("id")
    known_id = call_id if isinstance(call_id, str) else None
    return function_call(found.get(kind), choice, pointer, known_id, kind)


def told_kind(call: dict[str, Json]) -> str | None:
    """Tell by its member what a call, or a part of one, is: `function`, `custom` or neither.

    Snowflake writes both; the one that says nothing is none.

    Raises:
        Refusal: both say something.
    """
    told = [kind for kind in ("function", "custom") if call.get(kind) is not None]
    if len(told) < 2:
        return told[0] if told else None
    saying = [kind for kind in told if not _is_blank(call[kind])]
    if len(saying) > 1:
        raise schema_violation("a tool call is both a function's and a custom tool's")
    return saying[0] if saying else "function"


def _is_blank(inner: Json) -> bool:
    return isinstance(inner, dict) and not any(inner.values())


def function_call(
    inner: Json, choice: int, pointer: str, call_id: str | None = None, kind: str = "function"
) -> ToolCall | None:
    """Read a name with arguments (or a custom tool's `input`), as in `function_call` of old.

    None where it has neither, as some providers send where there is no call.

    Raises:
        Refusal: no name, or both arguments and input.
    """
    inner = as_object(inner, "a tool call's function")
    told = [key for key in ("arguments", "input") if inner.get(key) is not None]
    if len(told) > 1:
        raise schema_violation("a tool call has both arguments and input")
    said = inner[told[0]] if told else ""
    if not inner.get("name") and not said and not call_id:
        return None
    kind = "custom" if told == ["input"] else kind
    return read_tool_call(
        inner.get("name"), said, call_id=call_id, choice=choice, pointer=pointer, kind=kind
    )


def known_calls(messages: Iterable[dict[str, Json]]) -> Signs:
    """Count the signs of calls where these messages, or deltas, have theirs."""
    found = [message[key] for message in messages for key in CALLS if holds_calls(message.get(key))]
    run = [message[RUN] for message in messages if message.get(RUN) is not None]
    return Signs(len(found), signs_of_calls([found, {RUN: run}]).calls)


def refuse_stray_calls(body: dict[str, Json], messages: Iterable[dict[str, Json]]) -> None:
    """Refuse an answer with a tool call anywhere but where these messages of it have theirs.

    Raises:
        Refusal: policy wouldn't see that call, and some reader might make it.
    """
    if signs_of_calls(body) != known_calls([*messages]):
        raise schema_violation("the answer carries a tool call where none belongs")
