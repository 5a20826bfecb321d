"""What is said on a WebSocket gives a call away, and other people's talk doesn't."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.matching.socket_message import operation_of_message

ASKS = {"type": "response.create"}
CALLS: list[tuple[dict[str, Any], str]] = [
    ({**ASKS, "model": "m", "input": "hi"}, "connectResponses"),
    ({**ASKS, "input": "hi"}, "connectResponses"),
    ({**ASKS, "response": {"model": "m", "input": "hi"}}, "connectResponses"),
    (ASKS, "connectRealtime"),
    ({**ASKS, "response": {"instructions": "be kind", "input": []}}, "connectRealtime"),
    ({"type": "session.update", "session": {}}, "connectRealtime"),
    ({"type": "conversation.item.create", "item": {}}, "connectRealtime"),
    ({"type": "input_audio_buffer.append", "audio": ""}, "connectRealtime"),
    ({"Type": "response.create", "Model": "m"}, "connectResponses"),
    ({"model": "m", "messages": []}, "createChatCompletion"),
]


@pytest.mark.parametrize(("event", "operation"), CALLS)
def test_an_event_gives_the_socket_away(event: dict[str, Any], operation: str) -> None:
    """As it is usually written, after white space, with escapes, and with more behind it."""
    text = json.dumps(event).encode()
    escaped = text.replace(b"e", b"\\u0065")
    for message in (text, b" \n" + text, escaped, text + b"{}"):
        found = operation_of_message(message)
        assert found is not None, message
        assert found.id == operation


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"\x00\x01\xff",
        b"[1]",
        b'{"type": "message", "text": "session.update"}',
        b'{"type": "ping"}',
        b'{"say": "response.create"}',
        b'["response.create"]',
        b'{"model": "T", "year": 1908}',
        b'{"\\u0061": 1}',
        b'{"type": "response.create"',
        b'{"jsonrpc": "2.0", "id": 1, "method": "textDocument/hover", "params": {}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"rootUri": null}}',
        b'{"id": 1, "method": "Page.navigate", "params": {"url": "https://x.test/tools/call"}}',
    ],
)
def test_other_talk_is_left_alone(message: bytes) -> None:
    """Also where it has one of those words in it."""
    assert operation_of_message(message) is None


@pytest.mark.parametrize(
    "message",
    [
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools\\/c\\u0061ll", "params": {"name": "x"}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}}{}',
        b'[{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}}]',
        b'{"id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}',
    ],
)
def test_mcp_over_a_socket_is_known(message: bytes) -> None:
    """SDKs have such a transport, in which nothing could be judged: so it is refused."""
    found = operation_of_message(message)
    assert found is not None
    assert found.dialect == "mcp"
