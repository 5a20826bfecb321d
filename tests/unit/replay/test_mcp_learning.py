"""Servers and pins that are proposed from receipts."""

from __future__ import annotations

from typing import Any

import yaml

from helm_boundary.replay.learning import SeenCall, learn_data
from helm_boundary.replay.mcp_learning import propose_pins, propose_servers, servers_in

A, B = "a" * 64, "b" * 64


def receipt(host: str, path: str = "/mcp", **more: Any) -> dict[str, Any]:
    """Return what a receipt of MCP says."""
    flow = {"operation": "mcp.tools.list", "host": host, "path": path, "tlsInspected": False}
    return {"flow": flow, **more}


def tools(digest: str, server: str | None = None) -> list[dict[str, Any]]:
    """Return a list of one tool."""
    told = {"name": "search", "digest": {"sha256": digest}}
    return [told if server is None else {**told, "server": server}]


def test_servers_and_the_last_digests_of_their_tools_are_proposed() -> None:
    """Named as policy does, or after the host; a tool that changed is pointed out."""
    proposal = propose_servers(
        servers_in(
            [
                receipt("api.githubcopilot.com:443", "/mcp/", tools=tools(A)),
                receipt("api.githubcopilot.com:443", "/mcp/", tools=tools(B)),
                receipt("127.0.0.1:3001"),
                receipt("127.0.0.1:3002", tools=tools(A, "crm")),
                receipt("localhost.example:80"),
                {"flow": {"operation": "createChatCompletion", "host": "api.openai.com:443"}},
                {"phase": "session"},
            ]
        )
    )
    assert yaml.safe_load(proposal)["mcp"] == {
        "servers": {
            "githubcopilot": ["https://api.githubcopilot.com/mcp/"],
            "local": ["http://127.0.0.1:3001/mcp"],
            "crm": ["http://127.0.0.1:3002/mcp"],
            "localhost": ["http://localhost.example:80/mcp"],
        },
        "pins": {"githubcopilot": {"search": B}, "crm": {"search": A}},
    }
    assert "it has changed" in proposal


def test_two_servers_have_two_names() -> None:
    """Whatever their host."""
    proposal = propose_servers(
        servers_in([receipt("127.0.0.1:1", "/a"), receipt("127.0.0.1:1", "/b")])
    )
    assert list(yaml.safe_load(proposal)["mcp"]["servers"]) == ["local", "local-2"]


def test_tools_are_last_in_a_proposal_with_servers() -> None:
    """People append to them, as the tutorial does."""
    servers = propose_servers(servers_in([receipt("127.0.0.1:3002", tools=tools(A, "crm"))]))
    seen = [SeenCall("gpt-6", "127.0.0.1", "createChatCompletion", "inference", (("shell", None),))]
    proposal = learn_data(seen, "receipts", servers) + "  shell: {shell: command}\n"
    assert list(yaml.safe_load(proposal)) == ["mcp", "models", "hosts", "operations", "tools"]
    assert yaml.safe_load(proposal)["tools"] == {"allow": ["shell"], "shell": {"shell": "command"}}


def test_without_mcp_nothing_is_proposed() -> None:
    """Not even an empty section."""
    assert not propose_servers(servers_in([{"flow": {"operation": "createChatCompletion"}}]))


def test_the_pins_alone_are_a_file_of_their_own() -> None:
    """Where they stand in data is the file's place in the folder."""
    seen = servers_in([receipt("127.0.0.1:3002", tools=tools(A, "crm")), receipt("127.0.0.1:1")])
    assert yaml.safe_load(propose_pins(seen)) == {"crm": {"search": A}}
