"""The content blocks of Anthropic's Messages API.

Source: Anthropic's API reference, Messages. A tool that the provider runs (`server_tool_use`,
`mcp_tool_use`) is a tool call like any other. A toolset (a browser's, a computer's) has a name of
its own beside that of what is done with it, which may be the name of an application's tool.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from helm_boundary.calls.call import Json, Message, Text, Tool, ToolCall
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import strings
from helm_boundary.streaming.ledger import Finished, Names
from helm_boundary.streaming.tellings import ARGUMENTS, Telling

from .answer_objects import objects_in
from .json_shape import as_cut_off, as_objects, name_of, names_of, text_of, tool_call

_KINDS = {"mcp_tool_use": "mcp", "server_tool_use": "hosted"}
_NAMES = ("type", "name", "server_name", "toolset_name")


def is_tool_call(block: dict[str, Json]) -> bool:
    """Tell whether a block has something done: by its type, or by what only tool calls have."""
    if text_of(block.get("type")).endswith("tool_use"):
        return True
    return not is_tool_result(block) and "input" in block


def is_tool_result(block: dict[str, Json]) -> bool:
    """Tell whether a block is what a tool gave back."""
    return text_of(block.get("type")).endswith("tool_result")


def tool_members(value: dict[str, Json]) -> Collection[str]:
    """Name the members of a block that a tool gave back, or a search: all of a result."""
    found = is_tool_result(value) or value.get("type") == "search_result"
    return value.keys() if found else ()


def texts_of(value: Json, pointer: str, role: str) -> list[Text]:
    """Every text at or below a value with blocks in it; a tool's results are the tool's."""
    return strings(value, pointer, role, tool_members)


def carries_tool_call(value: Json) -> bool:
    """Tell whether any object at or below a value is a tool call's block; none in a result is."""
    return any(map(is_tool_call, objects_in(value, _data)))


def _data(_: str, block: dict[str, Json]) -> Collection[str]:
    return block.keys() if is_tool_result(block) else ()


def check_message(message: dict[str, Json]) -> None:
    """Refuse a message with a tool call anywhere but among its blocks, or within one of them."""
    content = message.get("content")
    within = [
        [*block.values()]
        for block in (content if isinstance(content, list) else ())
        if isinstance(block, dict) and not (is_tool_call(block) or is_tool_result(block))
    ]
    beside = [value for key, value in message.items() if key != "content"]
    if carries_tool_call([*within, *beside]):
        raise schema_violation("the message has a tool call where none belongs")


def read_tool_call(block: dict[str, Json], pointer: str, arguments: Json = None) -> ToolCall:
    """Read the tool call that a block is; `arguments` replaces its `input` where that streamed.

    Raises:
        Refusal: it has no name.
    """
    name = block.get("name")
    if text_of(block.get("type")) == "mcp_tool_use":
        name = f"mcp.{text_of(block.get('server_name'))}.{text_of(name)}"
    said = block.get("input", {}) if arguments is None else arguments
    kind = _KINDS.get(text_of(block.get("type")), "function")
    return tool_call(name, said, call_id=block.get("id"), pointer=pointer, kind=kind)


def read_tool_calls(
    block: dict[str, Json], pointer: str, arguments: Json = None
) -> Iterator[ToolCall]:
    """Yield the tool call that a block is, in each way that clients do.

    They find a toolset's tool by the names of both, or by its own where they know of no toolsets.

    Raises:
        Refusal: as `read_tool_call`, or a toolset's name that is no text.
    """
    call = read_tool_call(block, pointer, arguments)
    toolset = name_of(block, "toolset_name")
    if toolset:
        yield replace(call, name=f"{toolset}.{call.name}")
    yield call


def telling(block: dict[str, Json]) -> Telling:
    """Read what a tool call's block says as it starts, for comparison with its deltas."""
    return Telling(names_of(block, _NAMES), {ARGUMENTS: block.get("input")})


def finished(
    block: dict[str, Json], pointer: str, streamed: str = "", *, was_cut: bool = False
) -> Finished:
    """Read a tool call's block that has stopped, with what streamed of its input.

    `was_cut` says that the model stopped before the message was whole.
    """
    start = telling(block)
    said = {ARGUMENTS: streamed} if streamed else start.said

    def read(_: Names, arguments: str | None) -> list[ToolCall]:
        calls = read_tool_calls(block, pointer, arguments or streamed or None)
        return [each for call in calls for each in as_cut_off(call)] if was_cut else [*calls]

    return Finished((text_of(block.get("id")),), Telling(start.names, said), read)


def read_messages(messages: Json) -> Iterator[Message]:
    """Yield the messages of a conversation; a tool's result is a message of its own.

    Raises:
        Refusal: not a list of objects.
    """
    for at, message in enumerate(as_objects(messages, "messages")):
        role, pointer = text_of(message.get("role")) or "user", f"/messages/{at}"
        yield from read_content(message.get("content"), role, pointer)


def read_content(content: Json, role: str, pointer: str) -> Iterator[Message]:
    """Yield a content's text and tool calls as one message, and its tool results as one each.

    Raises:
        Refusal: neither text nor a list of blocks.
    """
    if content is None or isinstance(content, str):
        yield Message(role, content or "", pointer)
        return
    blocks = as_objects(content, "content")
    own = [(at, block) for at, block in enumerate(blocks) if not is_tool_result(block)]
    if own or not blocks:
        yield Message(
            role,
            "\n".join(filter(None, (text_of(block.get("text")) for _, block in own))),
            pointer,
            tuple(text_of(block.get("type")) for _, block in own),
            tuple(
                call
                for at, block in own
                if is_tool_call(block)
                for call in read_tool_calls(block, f"{pointer}/content/{at}")
            ),
        )
    for at, block in enumerate(blocks):
        if is_tool_result(block):
            yield _result(block, f"{pointer}/content/{at}")


def read_tools(tools: Json) -> Iterator[Tool]:
    """Yield the tools that a request offers.

    Raises:
        Refusal: not a list of objects.
    """
    for at, tool in enumerate(as_objects(tools or [], "tools")):
        kind = text_of(tool.get("type")) or "custom"
        name = text_of(tool.get("name")) or text_of(tool.get("mcp_server_name")) or kind
        description = text_of(tool.get("description"))
        yield Tool(kind, name, description, tool.get("input_schema"), f"/tools/{at}")


def read_servers(servers: Json) -> Iterator[Tool]:
    """Yield the MCP servers that a request lets the provider call, as tools of type `mcp`."""
    for at, server in enumerate(as_objects(servers or [], "mcp_servers")):
        name, url = text_of(server.get("name")), text_of(server.get("url"))
        yield Tool("mcp", name, url, None, f"/mcp_servers/{at}")


def _result(block: dict[str, Json], pointer: str) -> Message:
    content = block.get("content")
    inner = content if isinstance(content, list) else []
    parts = [part for part in inner if isinstance(part, dict)]
    texts = [text_of(content), *(text_of(part.get("text")) for part in parts)]
    return Message(
        "tool",
        "\n".join(filter(None, texts)),
        pointer,
        tuple(text_of(part.get("type")) for part in parts),
        tool_call_id=text_of(block.get("tool_use_id")) or None,
    )
