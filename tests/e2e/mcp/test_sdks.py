"""The SDKs' own clients and servers through the boundary: what passes is what it was without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.approvals import grant, records
from support.boundary import Boundary
from support.mcp import exchanges, methods, run_client, server, write_policy

STEPS: list[list[Any]] = [
    ["call_tool", ["search", {"query": "issues"}]],
    ["call_tool", ["create_issue", {"title": "It's broken"}]],
    ["call_tool", ["picture", {}]],
    ["call_tool", ["flood", {"count": 30}]],
    ["call_tool", ["fail", {}]],
    ["list_resources", []],
    ["read_resource", ["repo://readme"]],
    ["get_prompt", ["review", {"code": "1/0"}]],
]
TOOLS = {"tools": {"allow_prefixes": ["mcp.github."], "deny": ["mcp.github.delete_everything"]}}
PERSON = {"tools": {"allow": [], "person": ["mcp.github.create_issue"]}}
_SLOW = pytest.mark.slow
PAIRS = [
    pytest.param("mcp2", "mcp2", ()),
    pytest.param("node", "mcp1", ()),
    pytest.param("mcp1", "mcp1", (), marks=_SLOW),
    pytest.param("fastmcp", "fastmcp", (), marks=_SLOW),
    pytest.param("mcp2", "mcp1", ("--json",), marks=_SLOW),
]


def through(tmp_path: Path, port: int, more: dict[str, Any]) -> Boundary:
    """Make a boundary before the server at that port."""
    policy = write_policy(tmp_path / "policy", port, more)
    options = {"helm_deadline_ms": 1000}
    mode = f"reverse:http://127.0.0.1:{port}"
    return Boundary(state=tmp_path, mode=mode, policy=policy, options=options)


@pytest.mark.parametrize(("client", "sdk", "flags"), PAIRS)
def test_what_is_allowed_is_as_without_the_boundary(
    tmp_path: Path, client: str, sdk: str, flags: tuple[str, ...]
) -> None:
    """Every result, and every byte that the server sees; a denied call and tool it never sees."""
    record = tmp_path / "record"
    with server(sdk, record, *flags) as port:
        direct = run_client(client, f"http://127.0.0.1:{port}/mcp", STEPS)
        asked = sorted(each["asked"] for each in exchanges(record))
        record.unlink()
        with through(tmp_path, port, TOOLS) as boundary:
            url = boundary.url + "/mcp"
            assert run_client(client, url, STEPS) == direct
            assert sorted(each["asked"] for each in exchanges(record)) == asked
            record.unlink()
            steps = [["list_tools", []], ["call_tool", ["delete_everything", {}]], STEPS[0]]
            listed, denied, after = run_client(client, url, steps)
    assert "search" in json.dumps(listed)
    assert "delete_everything" not in json.dumps(listed)
    assert denied["failed"] in ("MCPError", "McpError")
    assert (denied["code"], denied["data"]["verdict"]) == (-32001, "DENY")
    assert after == direct[0]
    assert "it is gone" not in record.read_text()


@_SLOW
@pytest.mark.parametrize("client", ["mcp2", "mcp1", "node"])
def test_a_person_grants_what_an_agent_asks_for(tmp_path: Path, client: str) -> None:
    """The client is told of the approval; its next identical call passes."""
    record = tmp_path / "record"
    steps = [["call_tool", ["create_issue", {"title": "x"}]]]
    with server("mcp1", record) as port, through(tmp_path, port, PERSON) as boundary:
        [asked] = run_client(client, boundary.url + "/mcp", steps)
        assert asked["data"]["verdict"] == "ESCALATE"
        assert asked["data"]["approval"]["id"] in asked["message"]
        assert "tools/call" not in methods(record)
        grant(boundary, asked["data"]["approval"]["id"])
        [made] = run_client(client, boundary.url + "/mcp", steps)
        assert made["result"]["structuredContent"]["title"] == "x"
        assert methods(record).count("tools/call") == 1


@_SLOW
def test_a_rug_pull_is_found(tmp_path: Path) -> None:
    """A server that says something else of a tool than when it was pinned."""
    record = tmp_path / "record"
    with server("mcp1", record) as port, through(tmp_path, port, TOOLS) as boundary:
        [listed] = run_client("mcp1", boundary.url + "/mcp", [["list_tools", []]])
        assert len(listed["result"]["tools"]) == 6
        pins = pinned(boundary)
    for flags, found in (((), "result"), (("--changed",), "failed")):
        folder = tmp_path / found
        more = {**TOOLS, "mcp": {"pins": pins}}
        with server("mcp1", record, *flags) as port, through(folder, port, more) as boundary:
            [again] = run_client("mcp1", boundary.url + "/mcp", [["list_tools", []]])
        assert found in again
        if flags:
            assert again["data"]["reasons"][0]["rule"] == "mcp.tool_changed"


def pinned(boundary: Boundary) -> dict[str, dict[str, str]]:
    """Return the digests of tools that receipts have."""
    tools = [
        tool
        for record in records(boundary, "outcome")
        for tool in record.predicate.get("tools", ())
    ]
    return {"github": {tool["name"]: tool["digest"]["sha256"] for tool in tools}}
