"""Every tool that a request offers is found, wherever it stands, and what only names one isn't."""

from __future__ import annotations

from typing import Any

import pytest

from helm_boundary.calls.call import Call, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects.realtime import read_request as read_event
from helm_boundary.matching.catalogue import known_operations
from helm_boundary.parsing.parsed_call import name_all, read_value

FUNCTION = {"type": "function", "name": "look", "parameters": {"properties": {"tools": {}}}}
SERVER = {"type": "mcp", "server_label": "x", "server_url": "https://mcp.example"}
MESSAGES = [{"role": "user", "content": "hi"}]


def operation(method: str, path: str) -> Operation:
    """Return a known operation."""
    found = known_operations().find(method, path.strip("/").split("/"))
    assert found is not None
    return found


CHAT = operation("POST", "/chat/completions")
RESPONSES = operation("POST", "/responses")
ANTHROPIC = operation("POST", "/messages")


def offered(where: Operation, body: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return type, name and place of what a request offers."""
    return [(tool.type, tool.name, tool.pointer) for tool in read_value(where, body).tools]


def chat(**more: Any) -> dict[str, Any]:
    """Return a chat's body."""
    return {"model": "m", "messages": MESSAGES, **more}


def message(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the body of a request for a message whose content are these blocks."""
    messages = [{"role": "user", "content": [*blocks]}]
    return {"model": "m", "max_tokens": 5, "messages": messages, **more}


def items(*told: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the body of a request for a response to these items."""
    return {"model": "m", "input": [*told], **more}


OFFERS: dict[str, tuple[Operation, dict[str, Any], list[tuple[str, str, str]]]] = {
    "a chat's": (
        CHAT,
        chat(tools=[{"type": "function", "function": {"name": "look"}}]),
        [("function", "look", "/tools/0")],
    ),
    "a chat's of old": (
        CHAT, chat(functions=[{"name": "look"}]), [("function", "look", "/functions/0")],
    ),
    "a chat's in a message": (
        CHAT,
        {"model": "m", "messages": [{"role": "system", "content": "", "tools": [FUNCTION]}]},
        [("function", "look", "/messages/0/tools/0")],
    ),
    "servers beside a chat": (
        CHAT, chat(mcp_servers=[{"name": "x", "url": "https://mcp.example"}]),
        [("mcp", "x", "/mcp_servers/0")],
    ),
    "servers by name": (
        CHAT, chat(mcpServers={"x": {"url": "https://mcp.example"}}),
        [("mcp", "x", "/mcpServers/x")],
    ),
    "additional tools among items": (
        RESPONSES,
        items({"type": "additional_tools", "tools": [FUNCTION, SERVER]}),
        [("function", "look", "/input/0/tools/0"), ("mcp", "x", "/input/0/tools/1")],
    ),
    "what a search of tools gave": (
        RESPONSES,
        items({"type": "tool_search_output", "call_id": "c", "tools": [FUNCTION]}),
        [("function", "look", "/input/0/tools/0")],
    ),
    "a namespace": (
        RESPONSES,
        items(tools=[{"type": "namespace", "name": "crm", "tools": [FUNCTION]}]),
        [("namespace", "crm", "/tools/0"), ("function", "crm.look", "/tools/0/tools/0")],
    ),
    "a namespace that a search gave": (
        RESPONSES,
        items({"type": "tool_search_output", "tools": [
            {"type": "namespace", "name": "crm", "tools": [FUNCTION]}]}),
        [("namespace", "crm", "/input/0/tools/0"),
         ("function", "crm.look", "/input/0/tools/0/tools/0")],
    ),
    "Anthropic's": (
        ANTHROPIC,
        message(tools=[{"name": "look", "input_schema": {}}, {"type": "mcp_toolset",
                "mcp_server_name": "x", "tools": [{"name": "see", "input_schema": {}}]}]),
        [("custom", "look", "/tools/0"), ("mcp_toolset", "x", "/tools/1"),
         ("custom", "mcp.x.see", "/tools/1/tools/0")],
    ),
    "Anthropic's servers": (
        ANTHROPIC, message(mcp_servers=[{"type": "url", "name": "x", "url": "https://x.example"}]),
        [("mcp", "x", "/mcp_servers/0")],
    ),
    "Anthropic's, defined in a message": (
        ANTHROPIC,
        message({"type": "tool_addition", "tool": {"type": "tool_definition", "definition":
                 {"name": "look", "input_schema": {}}}}),
        [("custom", "look", "/messages/0/content/0/tool/definition")],
    ),
    "Anthropic's, in what was compacted": (
        ANTHROPIC,
        message({"type": "compaction", "content": "", "tool_changes": [
            {"type": "tool_addition", "tool": {"type": "tool_definition", "definition":
             {"type": "mcp_toolset", "mcp_server_name": "x"}}}]}),
        [("mcp_toolset", "x", "/messages/0/content/0/tool_changes/0/tool/definition")],
    ),
    "Gemini's servers": (
        Operation("x", "inference", "gemini", "POST", "/x"),
        {"contents": [], "tools": [{"mcpServers": [{"name": "x", "streamableHttpTransport": {
            "url": "https://x.example"}}, {"name": "y"}]}, {"google_search": {}}]},
        [("mcp", "x", "/tools/0/mcpServers/0"), ("mcp", "y", "/tools/0/mcpServers/1"),
         ("google_search", "google_search", "/tools/1/google_search")],
    ),
    "an interaction's server": (
        Operation("x", "inference", "interactions", "POST", "/x"),
        {"model": "m", "tools": [{"type": "mcp_server", "name": "x", "url": "https://x.example"}]},
        [("mcp", "x", "/tools/0")],
    ),
    "a client secret's session": (
        operation("POST", "/realtime/client_secrets"),
        {"session": {"type": "realtime", "model": "m", "tools": [SERVER]}},
        [("mcp", "x", "/session/tools/0")],
    ),
    "an eval's": (
        operation("POST", "/evals/e/runs"),
        {"data_source": {"type": "responses", "model": "m",
                         "sampling_params": {"tools": [FUNCTION]}}},
        [("function", "look", "/data_source/sampling_params/tools/0")],
    ),
    "an assistant's": (
        operation("POST", "/assistants"),
        {"model": "m", "tools": [{"type": "code_interpreter"}]},
        [("code_interpreter", "code_interpreter", "/tools/0")],
    ),
    "a cloud's parameters": (
        operation("POST", "/assistants"),
        {"model": "m", "parameters": {"tools": [{"type": "function", "function":
         {"name": "look"}}]}},
        [("function", "look", "/parameters/tools/0")],
    ),
    "Bedrock's": (
        operation("POST", "/assistants"),
        {"toolConfig": {"tools": [{"toolSpec": {"name": "look"}}, {"cachePoint": {}}]}},
        [("function", "look", "/toolConfig/tools/0")],
    ),
    "a local server's plugins": (
        operation("POST", "/assistants"),
        {"integrations": ["mcp/browser", {"type": "ephemeral_mcp", "server_label": "x",
                                          "server_url": "https://mcp.example"}]},
        [("mcp", "mcp/browser", "/integrations/0"), ("mcp", "x", "/integrations/1")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OFFERS)
def test_every_tool_that_is_offered_is_found_once(case: str) -> None:
    """Each with its name, and where it stands."""
    where, body, expected = OFFERS[case]
    assert offered(where, body) == expected


@pytest.mark.parametrize("holder", ["session", "response"])
def test_a_sessions_tools_are_found_once(holder: str) -> None:
    """Realtime's dialect reads them, and points to where they are."""
    event = {"type": f"{holder}.x", holder: {"tools": [FUNCTION]}}
    call = name_all(read_event(event), event)
    assert [tool.pointer for tool in call.tools] == [f"/{holder}/tools/0"]


NO_OFFERS: dict[str, dict[str, Any]] = {
    "a choice": {"tool_choice": {"type": "allowed_tools", "tools": [{"name": "look"}]}},
    "metadata": {"metadata": {"tools": "none"}},
    "a schema": {"response_format": {"json_schema": {"schema": {"tools": ["x"]}}}},
    "what a server listed": {"input": [{"type": "mcp_list_tools", "tools": [{"name": "look"}]}]},
    "arguments": {"input": [{"type": "function_call", "arguments": {"tools": ["x"]}}]},
    "a message's text": {"messages": [{"content": [{"type": "text", "text": "x"}]}]},
    "what Anthropic's tools were given": {"messages": [{"content": [
        {"type": "tool_use", "name": "f", "input": {"tools": ["x"], "tool": {"name": "y"}}}]}]},
    "a tool that was offered before": {"messages": [{"content": [
        {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "look"}}]}]},
    "nothing": {"tools": None, "functions": [], "mcp_servers": {}, "tool": ""},
    "a job's reports": {"integrations": [{"type": "wandb", "wandb": {"project": "p"}}]},
}  # fmt: skip


def test_geminis_tools_may_be_one_object() -> None:
    """Its API takes it for a list of it; to another one it is nothing that can be read."""
    tools = {"function_declarations": [{"name": "look"}]}
    body = {"contents": [{"parts": [{"text": "hi"}]}], "tools": tools}
    gemini = Operation("gemini.generateContent", "inference", "gemini", "POST", "")
    assert offered(gemini, body) == [("function", "look", "/tools/functionDeclarations/0")]
    with pytest.raises(Refusal):
        offered(CHAT, {"model": "m", "messages": MESSAGES, "tools": tools})


@pytest.mark.parametrize("case", NO_OFFERS)
def test_what_only_names_tools_offers_none(case: str) -> None:
    """What a model may call is judged, not what anybody says of it."""
    assert name_all(Call(), NO_OFFERS[case]).tools == ()


@pytest.mark.parametrize("body", [{"tools": "all"}, {"tools": ["x"]}, {"functions": {"x": {}}}])
def test_tools_that_nobody_can_read_are_refused(body: dict[str, Any]) -> None:
    """Every doubt is a DENY."""
    with pytest.raises(Refusal) as refused:
        name_all(Call(), body)
    assert refused.value.code == "CAPABILITY_UNKNOWN"


@pytest.mark.parametrize("tools", [{"x": {}}, "all", [FUNCTION, "x"], [1, FUNCTION]])
def test_tools_further_down_that_nobody_can_read_are_told_of(tools: Any) -> None:
    """And those beside them are judged."""
    call = name_all(Call(), {"session": {"tools": tools}})
    assert call.unclaimed == ("/session",)
    assert len(call.tools) == (FUNCTION in tools if isinstance(tools, list) else 0)


UNCLAIMED: dict[str, dict[str, Any]] = {
    "a model": {"new": {"model": "x"}},
    "models": {"new": [{"deep": {"models": ["x"]}}]},
    "tools": {"new": {"tools": [FUNCTION]}},
    "a tool's name": {"new": {"tool": "shell"}},
    "functions": {"new": {"functions": [{"name": "x"}]}},
    "a server": {"new": {"server_url": "https://mcp.example"}},
    "a server by itself": {"server_url": "https://mcp.example"},
    "MCP": {"mcp": {"url": "https://mcp.example"}},
    "MCP further down": {"new": {"mcp": ["x"]}},
    "other letters": {"new": {"Server-URL": "https://mcp.example"}},
    "other tools": {"server_tools": ["shell"]},
}


@pytest.mark.parametrize("case", UNCLAIMED)
@pytest.mark.parametrize("where", [CHAT, RESPONSES, ANTHROPIC], ids=lambda each: each.dialect)
def test_members_that_nobody_knows_are_told_of(case: str, where: Operation) -> None:
    """Where they carry a model, a tool or a server."""
    more = UNCLAIMED[case]
    body = {"model": "m", "max_tokens": 1, "messages": MESSAGES, "input": "hi", **more}
    assert read_value(where, body).unclaimed == tuple(f"/{key}" for key in more)


KNOWN: dict[str, dict[str, Any]] = {
    "metadata": {"metadata": {"model": "x", "tools": "y", "server_url": "z"}},
    "a schema": {"response_format": {"type": "json_schema", "json_schema": {"schema": {
        "properties": {"tool": {"type": "string"}}}}}},
    "user data": {"user_data": {"tool": "hammer"}},
    "tools": {"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://x.example"}]},
    "a choice of tools": {"tool_choice": {"type": "function", "function": {"name": "x"}}},
    "switches": {"parallel_tool_calls": True, "new": {"use_tools": True, "model": None}},
    "other models": {"fallbacks": [{"model": "x"}], "models": ["x"], "route": "fallback"},
    "what to forget": {"context_management": {"edits": [{"exclude_tools": ["x"]}]}},
    "what guards an answer, and how an agent runs": {
        "guardrails": [{"moderation_llm_v2": {"model_name": "guard"}}],
        "agent_config": {"type": "antigravity", "model": "x"}},
    "a session's sound": {"audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    "a thread's attachments": {"thread": {"messages": [{"role": "user", "content": "x",
        "attachments": [{"file_id": "f", "tools": [{"type": "code_interpreter"}]}]}]},
        "additional_messages": [{"attachments": [{"tools": [{"type": "file_search"}]}]}]},
    "plain members": {"seed": 1, "stop": ["x"], "user": "tools", "stream_options": {"x": True}},
    "a conversation": {"messages": [{"role": "tool", "content": [{"type": "text", "text": "x"}],
                                     "tool_call_id": "c", "tool": "x"}]},
}  # fmt: skip


@pytest.mark.parametrize("case", KNOWN)
def test_members_that_are_known_are_not_told_of(case: str) -> None:
    """An honest request has none."""
    assert read_value(CHAT, chat(**KNOWN[case])).unclaimed == ()
