"""What a tool gave back is the tool's in every dialect, so that injection rules see it."""

from __future__ import annotations

from typing import Any

import pytest

from helm_boundary.dialects import dialect

T = "what the tool says"
CHAT = {"model": "m"}
BLOCK = {"type": "text", "text": T}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": T}}


def messages(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 1, "messages": [{"role": role, "content": [*blocks]}]}


def items(kind: str, **members: Any) -> dict[str, Any]:
    return {"model": "m", "input": [{"type": kind, "call_id": "1", **members}]}


def parts(**part: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [part]}]}


FOUND = {"type": "search_result", "source": "s", "title": "t", "content": [BLOCK]}
RESULTS: list[tuple[str, dict[str, Any]]] = [
    ("chat", {**CHAT, "messages": [{"role": "tool", "tool_call_id": "1", "content": T}]}),
    ("chat", {**CHAT, "messages": [{"role": "tool", "tool_call_id": "1", "content": [BLOCK]}]}),
    ("chat", {**CHAT, "messages": [{"role": "function", "name": "f", "content": T}]}),
    ("chat", {**CHAT, "messages": [{"role": "user", "content": "x"}], "documents": [{"t": T}]}),
    ("messages", messages("user", {"type": "tool_result", "tool_use_id": "1", "content": T})),
    (
        "messages",
        messages(
            "user",
            {"type": "tool_result", "tool_use_id": "1", "content": [BLOCK, FOUND, DOCUMENT]},
        ),
    ),
    ("messages", messages("user", FOUND)),
    ("messages", messages("assistant", {"type": "mcp_tool_result", "content": [BLOCK]})),
    (
        "messages",
        messages("assistant", {"type": "code_execution_tool_result", "content": {"stdout": T}}),
    ),
    ("messages", messages("assistant", {"type": "web_fetch_tool_result", "content": DOCUMENT})),
    ("responses", items("function_call_output", output=T)),
    ("responses", items("function_call_output", output=[{"type": "input_text", "text": T}])),
    ("responses", items("custom_tool_call_output", output=T)),
    ("responses", items("shell_call_output", output=[{"stdout": T, "stderr": ""}])),
    ("responses", items("mcp_call", name="n", arguments="{}", server_label="s", output=T)),
    ("responses", items("file_search_call", queries=["q"], results=[{"text": T}])),
    ("gemini", parts(functionResponse={"name": "f", "response": {"a": {"b": [T]}}})),
    ("gemini", parts(codeExecutionResult={"outcome": "OUTCOME_OK", "output": T})),
    ("gemini", {"contents": [{"role": "function", "parts": [{"text": T}]}]}),
    ("cohere", {**CHAT, "messages": [{"role": "tool", "tool_call_id": "1", "content": T}]}),
    ("cohere", {**CHAT, "messages": [{"role": "user", "content": "x"}], "documents": [T]}),
    (
        "cohere",
        {
            **CHAT,
            "messages": [
                {"role": "tool", "content": [{"type": "document", "document": {"data": T}}]}
            ],
        },
    ),
    ("ollama", {**CHAT, "messages": [{"role": "tool", "content": T, "tool_name": "f"}]}),
    (
        "realtime",
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "1", "output": T},
        },
    ),
    (
        "generic",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"toolResult": {"content": [{"text": T}, {"json": {"a": T}}]}}],
                }
            ]
        },
    ),
    (
        "bedrock",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"toolResult": {"content": [{"text": T}, {"json": {"a": T}}]}}],
                }
            ]
        },
    ),
    ("interactions", {**CHAT, "input": [{"type": "function_result", "result": {"a": T}}]}),
    ("interactions", {**CHAT, "input": [{"type": "google_search_result", "result": [{"t": T}]}]}),
    ("generic", {"tool_outputs": [{"tool_call_id": "1", "output": T}]}),
    ("generic", {"inputs": [{"type": "function.result", "tool_call_id": "1", "result": T}]}),
    ("generic", items("function_call_output", output=T)),
    ("generic", {"messages": [{"role": "tool", "content": T}]}),
    ("session_events", {"events": [{"type": "user.custom_tool_result", "content": [BLOCK]}]}),
]


@pytest.mark.parametrize(("name", "body"), RESULTS)
def test_a_tools_words_are_the_tools(name: str, body: dict[str, Any]) -> None:
    """Wherever they stand, and whoever passes them on."""
    texts = [text for text in dialect(name).read_request(body).texts if T in text.text]
    assert texts
    assert {text.role for text in texts} <= {"tool", "function"}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("chat", {**CHAT, "messages": [{"role": "user", "content": T}]}),
        ("messages", messages("user", BLOCK)),
        ("responses", {"model": "m", "input": T}),
        ("gemini", parts(text=T)),
        ("generic", {"input": T, "toolConfig": {"x": 1}}),
        ("generic", {"messages": [{"role": "user", "content": [BLOCK]}]}),
    ],
)
def test_a_users_words_are_the_users(name: str, body: dict[str, Any]) -> None:
    """What they may say is their own business."""
    (text,) = [text for text in dialect(name).read_request(body).texts if T in text.text]
    assert text.role == "user"
