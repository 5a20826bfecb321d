"""The Model Context Protocol: what agents do, by calls of tools that servers have.

A message is JSON-RPC. Of a client's, a call of a tool is what is judged as such; the strings in
its arguments have the role `tool_call`. What a server says is a tool's, whatever it claims.
Source: MCP's specification, 2024-11-05 to 2026-07-28.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Text, ToolCall
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.wire.json_rpc import MEMBERS, Message, read_messages

from .mcp_answers import read_messages_of_server
from .mcp_content import attachments, texts
from .mcp_denials import event_of
from .mcp_stream import McpStream, ids_of

CALL = "tools/call"
TOOL_CALL = "tool_call"
"""The role of what a tool is told."""
_KNOWN = frozenset({"jsonrpc", "method", "id"})


def read_request(body: Json) -> Call:
    """Read what a client's message asks for, or what those of a batch do.

    Raises:
        Refusal: no JSON-RPC message, one with more members, which another reader may take for
            another call, or a tool's call without a name.
    """
    messages = read_messages(body)
    if any(each.value.keys() - MEMBERS for each in messages):
        raise schema_violation("the message has a member that JSON-RPC doesn't have")
    return Call(
        texts=tuple(text for each in messages for text in _texts(each)),
        tool_calls=tuple(call for each in messages for call in _tool_calls(each)),
        attachments=tuple(attachments(body, "")),
        body=body,
    )


def with_server(call: Call, server: str | None) -> Call:
    """Return a call with the short name of the server that it goes to."""
    named = tuple(replace(each, server=server) for each in call.tool_calls)
    return replace(call, tool_calls=named, server=server)


def read_response(status: int, body: Json) -> Answer:
    """Read what a server answers; nothing at all where that is all it says.

    Raises:
        Refusal: no JSON-RPC message.
    """
    if body is None:
        return Answer(status)
    return read_messages_of_server(status, read_messages(body))


def expects_answer(asked: Call) -> bool:
    """Tell whether a client waits for an answer; notifications and its own answers have none."""
    return bool(ids_of(asked.body))


def check_answers(asked: Call, body: Json) -> None:
    """Refuse an answer to something else than what was asked.

    Servers may make a string of a number, and clients read it so; an error may be about nothing.
    """
    ids = ids_of(asked.body)
    if body is None or ids is None:
        return
    for each in read_messages(body):
        if each.kind == "response" and each.id is not None and str(each.id) not in ids:
            raise schema_violation("the server answers what wasn't asked in this request")


def open_stream(status: int, asked: Call = UNREAD) -> McpStream:
    """Open a reader of a server's events."""
    return McpStream(status, asked)


def error_event(told: dict[str, Any]) -> bytes:
    """Write an error about nothing that was asked, as for a server's own stream."""
    return event_of(told, None)


def _tool_calls(message: Message) -> Iterator[ToolCall]:
    """Yield the call that a message makes: as a notification, too, which some server may run."""
    if message.method != CALL:
        return
    name, arguments = message.params.get("name"), message.params.get("arguments")
    if not isinstance(name, str) or not name:
        raise schema_violation("the call of a tool has no `name`")
    if not isinstance(arguments, dict | None):
        raise schema_violation("the call of a tool has `arguments` that are no object")
    arguments = arguments or {}
    yield ToolCall(
        id=None if message.id is None else str(message.id),
        name=name,
        arguments_text=json.dumps(arguments, ensure_ascii=False),
        arguments=arguments,
        valid_json=True,
        choice=0,
        pointer=f"{message.pointer}/params",
        type="mcp",
    )


def _texts(message: Message) -> Iterable[Text]:
    """List what a client's message says, in whatever member."""
    rest = {key: said for key, said in message.value.items() if key not in _KNOWN}
    if message.method != CALL:
        return _named_by(message, texts(rest, message.pointer, "user"))
    params = {**message.params}
    arguments = params.pop("arguments", None)
    return (
        *texts(arguments, f"{message.pointer}/params/arguments", TOOL_CALL),
        *_named_by(message, texts({**rest, "params": params}, message.pointer, "user")),
    )


def _named_by(message: Message, found: list[Text]) -> list[Text]:
    """Add an id that is a string, which may be anything."""
    given = message.value.get("id")
    return [
        *found,
        *([Text(f"{message.pointer}/id", "user", given)] if isinstance(given, str) else []),
    ]
