"""The items of the Responses API: messages, tool calls and their results, in and out.

Source: `InputItem`, `OutputItem` and `Tool` in OpenAI's description. A tool that the provider
runs itself (web search, code interpreter, MCP, ...) is a tool call like any other, named after
its type, so that policy can say something about it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..calls.call import Json, Message, Tool, ToolCall
from ..calls.refusal import schema_violation
from .shape import as_objects, text_of, tool_call

_NOT_ARGUMENTS = frozenset(
    {"id", "type", "status", "call_id", "name", "output", "outputs", "result", "results"}
)
_ECHOED = frozenset({"output", "input", "instructions", "metadata", "prompt", "text", "tools"})
_CALLS = ("_call", "_approval_request")
_RESULTS = ("_call_output", "_approval_response", "program_output", "tool_search_output")


def is_tool_call(item: dict[str, Json]) -> bool:
    """Whether an item has something done: by its type, or by what only tool calls have."""
    kind = text_of(item.get("type"))
    if kind.endswith(_CALLS) or kind == "program":
        return True
    return not is_tool_result(item) and "arguments" in item


def is_tool_result(item: dict[str, Json]) -> bool:
    """Whether an item is what a tool gave back."""
    return text_of(item.get("type")).endswith(_RESULTS)


def carries_tool_call(value: Json) -> bool:
    """Whether any object at or below a value is a tool call's item."""
    if isinstance(value, dict):
        return is_tool_call(value) or any(map(carries_tool_call, value.values()))
    return isinstance(value, list) and any(map(carries_tool_call, value))


def check_item(item: dict[str, Json]) -> None:
    """Refuse an item that is no tool call, but has one in it."""
    if not (is_tool_call(item) or is_tool_result(item)) and carries_tool_call([*item.values()]):
        raise schema_violation("an item has a tool call in it")


def check_response(response: dict[str, Json]) -> None:
    """Refuse a response that has a tool call anywhere but in its output, or within an item there.

    What it repeats of its request (an example's call in the instructions, say) is the client's own.
    """
    own = [value for key, value in response.items() if key not in _ECHOED]
    if carries_tool_call(own):
        raise schema_violation("the response has a tool call where none belongs")
    for item in as_objects(response.get("output") or [], "output"):
        check_item(item)


def read_tool_call(item: dict[str, Json], pointer: str) -> ToolCall:
    """The tool call that an item is.

    A function's or custom tool's name is its own, an MCP tool's is `mcp.<server>.<name>`, any
    other's is its type without `_call` (`web_search`, `code_interpreter`, `shell`, ...); the
    arguments are the text the model wrote, else the item's members that say what to do.

    Raises:
        Refusal: a function without a name.
    """
    kind = text_of(item.get("type"))
    call_id = item.get("call_id") or item.get("id")
    if kind in ("function_call", "custom_tool_call", ""):
        arguments = item.get("arguments", item.get("input", ""))
        return tool_call(item.get("name"), arguments, call_id=call_id, pointer=pointer)
    if kind.startswith("mcp_"):
        name = f"mcp.{text_of(item.get('server_label'))}.{text_of(item.get('name'))}"
        return tool_call(name, item.get("arguments", ""), call_id=call_id, pointer=pointer)
    said = {key: value for key, value in item.items() if key not in _NOT_ARGUMENTS}
    return tool_call(kind.removesuffix("_call"), said, call_id=call_id, pointer=pointer)


def read_items(items: Json, pointer: str) -> Iterator[Message]:
    """The messages that a list of items makes; a tool call or result is a message of its own.

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
    """The text of an item's content, and the types of its parts."""
    if not isinstance(content, list):
        return text_of(content), ()
    parts = [part for part in content if isinstance(part, dict)]
    texts = [text_of(part.get("text")) or text_of(part.get("refusal")) for part in parts]
    return "\n".join(filter(None, texts)), tuple(text_of(part.get("type")) for part in parts)


def read_tools(tools: Json) -> Iterator[Tool]:
    """The tools that a request offers; one without a name is named after its type.

    Raises:
        Refusal: not a list of objects.
    """
    for at, tool in enumerate(as_objects(tools or [], "tools")):
        kind = text_of(tool.get("type")) or "function"
        name = text_of(tool.get("name")) or text_of(tool.get("server_label")) or kind
        parameters = tool.get("parameters", tool.get("format"))
        yield Tool(kind, name, text_of(tool.get("description")), parameters, f"/tools/{at}")
