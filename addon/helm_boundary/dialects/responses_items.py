"""The items of the Responses API: messages, tool calls and their results, in and out.

Source: `InputItem`, `OutputItem` and `Tool` in OpenAI's description. A tool that the provider
runs itself (web search, code interpreter, MCP, ...) is a tool call like any other, named after
its type, so that policy can say something about it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from helm_boundary.calls.call import Json, Message, Text, Tool, ToolCall
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import strings
from helm_boundary.streaming.ledger import Finished, Ids, Names
from helm_boundary.streaming.tellings import Telling

from .answer_members import RESPONSE
from .answer_objects import objects_in
from .json_shape import as_cut_off, as_objects, name_of, names_of, text_of, tool_call

_NOT_ARGUMENTS = frozenset(
    {"id", "type", "status", "call_id", "name", "output", "outputs", "result", "results"}
)
_RUN_BY_PROVIDER = frozenset(
    {
        "code_interpreter_call", "file_search_call", "image_generation_call", "program",
        "web_search_call",
    }
)  # fmt: skip
"""What has been done when a client hears of it; its members settle while it runs."""
_GIVEN = frozenset({"error", "output", "outputs", "result", "results"})
_SCHEMAS = frozenset({"input_schema", "parameters"})
_CALLS = ("_call", "_approval_request")
_NAMES = ("type", "name", "namespace", "server_label", "tool")
_TEXTS = {
    "": "arguments",
    "custom_tool_call": "input",
    "function_call": "arguments",
    "tool_call": "arguments",
}
"""Where the model's own text stands, by the item's type."""
_RESULTS = ("_call_output", "_approval_response", "program_output", "tool_search_output")


def is_tool_call(item: dict[str, Json]) -> bool:
    """Tell whether an item has something done: by its type, or by what only tool calls have."""
    kind = text_of(item.get("type"))
    if kind.endswith(_CALLS) or kind == "program":
        return True
    return not is_tool_result(item) and "arguments" in item


def is_tool_result(item: dict[str, Json]) -> bool:
    """Tell whether an item is what a tool gave back."""
    return text_of(item.get("type")).endswith(_RESULTS)


def tool_members(value: dict[str, Json]) -> Collection[str]:
    """Name the members of an item that a tool gave back: all of a result, a call's output."""
    if is_tool_result(value):
        return value.keys()
    return _GIVEN if is_tool_call(value) else ()


def texts_of(value: Json, pointer: str, role: str = "assistant") -> list[Text]:
    """Every text at or below a value with items in it; a tool's results are the tool's."""
    return strings(value, pointer, role, tool_members)


def carries_tool_call(value: Json) -> bool:
    """Tell whether any object at or below a value is a tool call's item.

    The schema of a tool that is offered or listed has no call in it, whatever its parameters'
    names are, and neither has a result.
    """
    return any(map(is_tool_call, objects_in(value, _data)))


def _data(_: str, item: dict[str, Json]) -> Collection[str]:
    if is_tool_result(item):
        return item.keys()
    return _SCHEMAS if isinstance(item.get("name"), str) else ()


def check_item(item: dict[str, Json]) -> None:
    """Refuse an item that is no tool call, but has one in it."""
    if not (is_tool_call(item) or is_tool_result(item)) and carries_tool_call([*item.values()]):
        raise schema_violation("an item has a tool call in it")


def check_response(response: dict[str, Json]) -> None:
    """Refuse a response that has a tool call anywhere but in its output, or within an item there.

    What it repeats of its request (an example's call in the instructions, say) is the client's own.
    """
    if carries_tool_call([*RESPONSE.without_calls(response).values()]):
        raise schema_violation("the response has a tool call where none belongs")
    for item in as_objects(response.get("output") or [], "output"):
        check_item(item)


def read_tool_call(item: dict[str, Json], pointer: str, arguments: str | None = None) -> ToolCall:
    """Read the tool call that an item is; `arguments` replaces its own where these streamed.

    A function's or custom tool's name is its own, after its namespace if it has one; an MCP tool's
    is `mcp.<server>.<name>`, any other's is its type without `_call` (`web_search`, `shell`, ...).
    The arguments are the text the model wrote, else the item's members that say what to do.

    Raises:
        Refusal: a function without a name, or arguments beside input.
    """
    call_id = item.get("call_id") or item.get("id")
    said: Json = arguments
    if arguments is None:
        told, member = what_it_says(item), _text_member(item)
        said = told if member is None else told[member]
    name, kind = _name_of(item), _kind_of(item)
    return tool_call(name, said, call_id=call_id, pointer=pointer, kind=kind)


def what_it_says(item: dict[str, Json]) -> dict[str, Json]:
    """Return the members of a tool call's item that say what to do.

    Raises:
        Refusal: it has both arguments and input, of which clients read either.
    """
    member = _text_member(item)
    if member is not None:
        return {member: item.get(member, "")}
    return {key: value for key, value in item.items() if key not in _NOT_ARGUMENTS}


def _text_member(item: dict[str, Json]) -> str | None:
    """Name the member in which the model's own text stands; None where the item has none."""
    kind = text_of(item.get("type"))
    if not kind.startswith("mcp_") and kind not in _TEXTS:
        return None
    told = [name for name in ("arguments", "input") if item.get(name) is not None]
    if len(told) > 1:
        raise schema_violation("a tool call has both arguments and input")
    return told[0] if told else _TEXTS.get(kind, "arguments")


def telling(item: dict[str, Json]) -> Telling:
    """Read what a tool call's item says, for comparison with what else is said of the call."""
    names = names_of(item, _NAMES)
    # Clients take what has no type for a function's call, and never for another kind's.
    names["type"] = names.get("type") or "function_call"
    return Telling(names, what_it_says(item), names["type"] not in _RUN_BY_PROVIDER)


def ids_of(item: dict[str, Json]) -> Ids:
    """List the ids by which clients find an item's call again."""
    call_id = name_of(item, "call_id")
    return (name_of(item, "id"), f"call {call_id}" if call_id else "")


def finished(item: dict[str, Json], pointer: str) -> Finished:
    """Read a tool call's item that is complete."""

    def read(names: Names, arguments: str | None) -> list[ToolCall]:
        told = item | {key: name for key, name in names.items() if not item.get(key)}
        return read_tool_calls(told, pointer, arguments)

    return Finished(ids_of(item), telling(item), read)


def read_tool_calls(
    item: dict[str, Json], pointer: str, arguments: str | None = None
) -> list[ToolCall]:
    """Read the tool call that an item is, in each way that clients do.

    Most run a function of a namespace by its bare name, so that is a call too; and one that was
    cut off is what partial parsers make of it.

    Raises:
        Refusal: as `read_tool_call`.
    """
    bare = {key: said for key, said in item.items() if key != "namespace"}
    calls = [read_tool_call(each, pointer, arguments) for each in (item, bare)]
    readings = calls[:1] if calls[0].name == calls[1].name else calls
    if item.get("status") != "incomplete":
        return readings
    return [each for call in readings for each in as_cut_off(call)]


def _kind_of(item: dict[str, Json]) -> str:
    kind = text_of(item.get("type"))
    if kind.startswith("mcp_"):
        return "mcp"
    if kind in ("function_call", ""):
        return "function"
    return "custom" if kind == "custom_tool_call" else "hosted"


def _name_of(item: dict[str, Json]) -> Json:
    kind = text_of(item.get("type"))
    if kind in ("function_call", "custom_tool_call", ""):
        name, namespace = item.get("name"), text_of(item.get("namespace"))
        return f"{namespace}.{name}" if namespace and name and isinstance(name, str) else name
    if kind.startswith("mcp_"):
        return f"mcp.{text_of(item.get('server_label'))}.{text_of(item.get('name'))}"
    if kind == "tool_call":  # as LM Studio tells what it ran
        names = {name for key in ("tool", "name") if (name := text_of(item.get(key)))}
        if len(names) > 1:
            raise schema_violation("a tool call has two names")
        return next(iter(names), None)
    return kind.removesuffix("_call")


def read_items(items: Json, pointer: str) -> Iterator[Message]:
    """Yield the messages that a list of items makes; a tool call or result is one of its own.

    Raises:
        Refusal: not a list of objects, or a tool call without a name.
    """
    for at, item in enumerate(as_objects(items, "input")):
        yield _read_item(item, f"{pointer}/{at}")


def _read_item(item: dict[str, Json], pointer: str) -> Message:
    if is_tool_call(item):
        calls = (read_tool_call(item, pointer),)
        return Message("assistant", "", pointer, tool_calls=calls)
    if is_tool_result(item):
        text, parts = read_content(item.get("output"))
        call_id = text_of(item.get("call_id")) or None
        return Message("tool", text, pointer, parts, tool_call_id=call_id)
    text, parts = read_content(item.get("content", item.get("summary")))
    role = text_of(item.get("role")) or "assistant"
    return Message(role, text, pointer, parts, name=text_of(item.get("name")) or None)


def read_content(content: Json) -> tuple[str, tuple[str, ...]]:
    """Read the text of an item's content, and the types of its parts."""
    if not isinstance(content, list):
        return text_of(content), ()
    parts = [part for part in content if isinstance(part, dict)]
    texts = [text_of(part.get("text")) or text_of(part.get("refusal")) for part in parts]
    return "\n".join(filter(None, texts)), tuple(text_of(part.get("type")) for part in parts)


def read_tools(tools: Json, pointer: str = "/tools") -> Iterator[Tool]:
    """Yield the tools that a request offers; one without a name is named after its type.

    Raises:
        Refusal: not a list of objects.
    """
    for at, tool in enumerate(as_objects(tools or [], "tools")):
        kind = text_of(tool.get("type")) or "function"
        name = text_of(tool.get("name")) or text_of(tool.get("server_label")) or kind
        parameters = tool.get("parameters", tool.get("format"))
        yield Tool(kind, name, text_of(tool.get("description")), parameters, f"{pointer}/{at}")
