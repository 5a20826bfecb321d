"""What an MCP server says, as an answer: results and errors, and what it asks of its client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helm_boundary.calls.call import Answer, Json, Message, ServerRequest, Text, Tool
from helm_boundary.calls.texts import TOOL
from helm_boundary.wire.json_rpc import Message as Said

from .json_shape import text_of
from .mcp_content import asked_of_client, attachments, server_request, texts
from .mcp_tools import read_tools

_KNOWN = frozenset({"jsonrpc", "method"})


def read_messages_of_server(
    status: int, messages: Sequence[Said], *, complete: bool = True
) -> Answer:
    """Read what a server's messages say together.

    Raises:
        Refusal: a list of tools that can't be read.
    """
    return Answer(
        status,
        finish_reasons=tuple(_finish(each) for each in messages if each.kind == "response"),
        messages=tuple(_shown(messages)),
        texts=tuple(text for each in messages for text in texts_of(each)),
        complete=complete,
        tools=tuple(tool for each in messages for tool in _tools(each)),
        requests=tuple(asked for each in messages for asked in _requests(each)),
        attachments=tuple(
            file for each in messages for file in attachments(each.value, each.pointer)
        ),
        error_code=next(filter(None, map(_error_code, reversed(messages))), None),
    )


def texts_of(message: Said) -> list[Text]:
    """List every string that a server's message says."""
    rest = {key: said for key, said in message.value.items() if key not in _KNOWN}
    return texts(rest, message.pointer, TOOL)


def _shown(messages: Sequence[Said]) -> Iterator[Message]:
    """Yield the words of results, as a person reads them."""
    for each in messages:
        said = each.said if each.kind == "response" else None
        blocks = said.get("content") if isinstance(said, dict) else None
        for at, block in enumerate(blocks if isinstance(blocks, list) else ()):
            if isinstance(block, dict) and isinstance(block.get("text"), str):
                yield Message(TOOL, block["text"], f"{each.pointer}/result/content/{at}")
        if each.is_error and isinstance(said, dict):
            yield Message(TOOL, text_of(said.get("message")), f"{each.pointer}/error")


def _finish(message: Said) -> str:
    """Say how a request ended: with an error, with a tool's own, or with a type of result."""
    if message.is_error:
        return "error"
    result = message.said
    if not isinstance(result, dict):
        return "complete"
    return "tool_error" if result.get("isError") is True else _kind(result)


def _error_code(message: Said) -> int | None:
    """Return the code of an error, which JSON-RPC has as an integer."""
    code = message.said.get("code") if message.is_error else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _kind(result: dict[str, Json]) -> str:
    return text_of(result.get("resultType")) or "complete"


def _tools(message: Said) -> Iterator[Tool]:
    if message.kind == "response" and isinstance(message.said, dict):
        yield from read_tools(message.said, f"{message.pointer}/result")


def _requests(message: Said) -> Iterator[ServerRequest]:
    if message.kind == "request":
        yield server_request(message.value, f"{message.pointer}/params")
    elif message.kind == "response":
        yield from asked_of_client(message.said, f"{message.pointer}/result")
