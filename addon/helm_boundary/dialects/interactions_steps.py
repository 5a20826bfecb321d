"""The steps of Gemini's Interactions. See `interactions` for their source."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from helm_boundary.calls.call import Json, Text, Tool, ToolCall
from helm_boundary.calls.texts import strings

from .answer_objects import objects_in
from .json_shape import as_objects, text_of, tool_call

FUNCTION, MCP = "function_call", "mcp_server_tool_call"
_KINDS = {FUNCTION: "function", MCP: "mcp"}
_CALL, _RESULT = "_call", "_result"
_NOT_ARGUMENTS = frozenset({"id", "name", "signature", "type"})
_REPEATED = frozenset({"input", "tools"})
"""What an interaction repeats of its request, with the calls of earlier turns."""


def is_call(step: dict[str, Json]) -> bool:
    """Tell whether a step has something done: a function, or a tool of the provider's."""
    return text_of(step.get("type")).endswith(_CALL)


def is_result(step: dict[str, Json]) -> bool:
    """Tell whether a step is what a tool gave back."""
    return text_of(step.get("type")).endswith(_RESULT)


def name_of(step: dict[str, Json]) -> Json:
    """Return the name of the tool that a step calls: its own, after its server, else its type's."""
    kind = text_of(step.get("type"))
    if kind == MCP:
        return f"mcp.{text_of(step.get('server_name'))}.{text_of(step.get('name'))}"
    return step.get("name") if kind == FUNCTION else kind.removesuffix(_CALL)


def read_call(step: dict[str, Json], pointer: str) -> ToolCall:
    """Read the call that a step is; Refusal where it has no name."""
    kind = _KINDS.get(text_of(step.get("type")), "hosted")
    said = step.get("arguments")
    if said is None:
        others = step.keys() - _NOT_ARGUMENTS - {"arguments"}
        said = {key: step[key] for key in step if key in others} if kind == "hosted" else {}
    return tool_call(name_of(step), said, call_id=step.get("id"), pointer=pointer, kind=kind)


def count_calls(value: Json) -> int:
    """Count the calls at and below a value: objects whose type says that they are one."""
    return sum(map(is_call, objects_in(value, _data)))


def without_request(interaction: dict[str, Json]) -> dict[str, Json]:
    """Return an interaction without what it repeats of its request."""
    return {key: said for key, said in interaction.items() if key not in _REPEATED}


def _data(_: str, step: dict[str, Json]) -> Collection[str]:
    """Name the members of a step that hold data: a result's, and a call's arguments."""
    if is_call(step) and text_of(step.get("type")) in _KINDS:
        return ("arguments",)
    return step.keys() - _NOT_ARGUMENTS if is_call(step) or is_result(step) else ()


def tool_members(value: dict[str, Json]) -> Collection[str]:
    """Name the members of a step that a tool gave back: all of a result."""
    return value.keys() if is_result(value) else ()


def texts_of(value: Json, pointer: str, role: str) -> list[Text]:
    """List every text at or below a value with steps in it; a tool's results are the tool's."""
    return strings(value, pointer, role, tool_members)


def read_tools(tools: Json) -> Iterator[Tool]:
    """Yield the tools that a request offers; one of the provider's is named after its type.

    Raises:
        Refusal: not a list of objects.
    """
    for at, tool in enumerate(as_objects(tools or [], "tools")):
        kind = text_of(tool.get("type")) or "function"
        is_server = kind == "mcp_server"
        kind = "mcp" if is_server else kind
        name = text_of(tool.get("name")) or kind
        description = text_of(tool.get("url" if is_server else "description"))
        yield Tool(kind, name, description, tool.get("parameters"), f"/tools/{at}")
