"""The content blocks of Bedrock's Converse API: each has one member, which says what it is.

Source: Amazon Bedrock's API reference, `ContentBlock`, `ToolUseBlock` and `ToolConfiguration`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from helm_boundary.calls.call import Json, Message, Text, Tool, ToolCall
from helm_boundary.calls.texts import strings

from .answer_objects import objects_in
from .call_names import is_call
from .json_shape import as_object, as_objects, text_of, tool_call

USE, RESULT = "toolUse", "toolResult"


def count_uses(value: Json) -> int:
    """Count the members at and below a value that hold a tool's use, in whatever API's words."""
    return sum(
        said is not None
        for each in objects_in(value, _data)
        for key, said in each.items()
        if is_call(key)
    )


def _data(member: str, value: dict[str, Json]) -> Collection[str]:
    """Name the members that hold data: a use's input, and a result."""
    return ("input",) if member == USE else (RESULT,)


def tool_members(value: dict[str, Json]) -> Collection[str]:
    """Name the members of a block that a tool gave back."""
    return (RESULT,) if RESULT in value else ()


def texts_of(value: Json, pointer: str, role: str) -> list[Text]:
    """List every text at or below a value with blocks in it; a tool's results are the tool's."""
    return strings(value, pointer, role, tool_members)


def read_use(block: dict[str, Json], pointer: str) -> ToolCall | None:
    """Read the tool call that a block is, None where it is none; Refusal where it has no name."""
    if block.get(USE) is None:
        return None
    use = as_object(block[USE], "a tool's use")
    kind = "hosted" if text_of(use.get("type")) == "server_tool_use" else "function"
    return tool_call(
        use.get("name"),
        {} if use.get("input") is None else use["input"],
        call_id=use.get("toolUseId"),
        pointer=f"{pointer}/{USE}",
        kind=kind,
    )


def read_content(content: Json, role: str, pointer: str) -> Iterator[Message]:
    """Yield a content's text and tool calls as one message, and its tool results as one each.

    Raises:
        Refusal: no list of blocks.
    """
    blocks = as_objects(content or [], "content")
    own = [(at, block) for at, block in enumerate(blocks) if RESULT not in block]
    if own or not blocks:
        calls = (read_use(block, f"{pointer}/content/{at}") for at, block in own)
        yield Message(
            role,
            "\n".join(text for _, block in own if (text := text_of(block.get("text")))),
            pointer,
            tuple(next(iter(block), "") for _, block in own),
            tuple(call for call in calls if call is not None),
        )
    for at, block in enumerate(blocks):
        if RESULT in block:
            yield _result(as_object(block[RESULT], "a tool's result"), f"{pointer}/content/{at}")


def read_tools(config: Json) -> Iterator[Tool]:
    """Yield the tools that a request's `toolConfig` offers; raises Refusal where it is no list."""
    tools = config.get("tools") if isinstance(config, dict) else None
    for at, tool in enumerate(as_objects(tools or [], "tools")):
        for kind, inner in tool.items():
            if kind == "cachePoint":
                continue
            told = as_object(inner, "a tool")
            schema = told.get("inputSchema")
            yield Tool(
                "function" if kind == "toolSpec" else "hosted",
                text_of(told.get("name")) or kind,
                text_of(told.get("description")),
                schema.get("json") if isinstance(schema, dict) else None,
                f"/toolConfig/tools/{at}",
            )


def _result(result: dict[str, Json], pointer: str) -> Message:
    blocks = [each for each in as_objects(result.get("content") or [], "content") if each]
    return Message(
        "tool",
        "\n".join(text.text for text in strings(blocks, "", "tool")),
        pointer,
        tuple(next(iter(block)) for block in blocks),
        tool_call_id=text_of(result.get("toolUseId")) or None,
    )
