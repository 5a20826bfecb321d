"""A budget of an MCP server's tools: counted by server, and no model's calls among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.mcp import says, stage, tool_call

DATA: dict[str, Any] = {
    "rules": {"tools.unlisted": "off", "mcp.server_unlisted": "off"},
    "budgets": {
        "tools": {"per": ["server"], "limit": {"calls": 2}, "window": "day"},
        "models": {"limit": {"calls": 0}},
    },
}


def test_a_servers_tools_are_called_as_often_as_its_budget_lets_them(tmp_path: Path) -> None:
    """The next call is refused, in JSON-RPC's own form, and the server sees nothing of it."""
    with stage(tmp_path, DATA) as scene:
        scene.answers(says("done"))
        for _ in range(2):
            assert scene.post(tool_call("look")).json() == says("done")
        refused = scene.post(tool_call("look"))
        assert refused.headers["x-helm-reason-code"] == "BUDGET_EXCEEDED"
        assert scene.seen == 2


def test_a_batch_is_as_many_calls_as_it_has_of_tools(tmp_path: Path) -> None:
    """And none of a model; what only lists tools counts nowhere."""
    with stage(tmp_path, DATA) as scene:
        scene.answers([says("done")])
        listing: dict[str, Any] = {"jsonrpc": "2.0", "id": 9, "method": "tools/list"}
        calls = [{**tool_call("look"), "id": at} for at in (1, 2, 3)]
        refused = scene.post(calls)
        assert refused.headers["x-helm-reason-code"] == "BUDGET_EXCEEDED"
        assert scene.seen == 0
        assert scene.post([*calls[:2], listing]).json() == [says("done")]
        refused = scene.post(calls[:1])
        assert refused.headers["x-helm-reason-code"] == "BUDGET_EXCEEDED"
        assert scene.seen == 1
