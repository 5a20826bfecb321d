"""Codex and Claude Code with a local MCP server in their configuration, behind a company's proxy.

Their provider has them search the issues of that server. They are installed by `scripts/clients`,
and skipped where that was not run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from helm_receipts.export.select import Selection, select
from support.agent_provider import DONE, plain
from support.agents import AGENTS, Agent
from support.company import Company, Finished
from support.mcp import methods, server
from support.messages import reply_to_message, text, tool_use
from support.responses import function_call, message, reply_to_response
from support.upstream import Recorded, Reply

TOOL = "search"
QUERY = "open issues"
NAMES = {"codex over HTTP": "codex", "claude code": "claude"}
_WIRE = """package helm.rules.wire

deny contains {
	"rule": "wire.query",
	"code": "POLICY_VIOLATION",
	"message": "Open issues are nobody's business.",
	"finality": "instance_parameter",
} if {
	input.operation.id == "mcp.tools.call"
	input.phase == "request"
	input.tool_calls[_].arguments.query == "open issues"
}
"""


@dataclass
class Provider:
    """A model that wants to search once, and says what it was told; waits until it may."""

    told: list[str] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    waits: int = 0

    def answer(self, request: Recorded) -> Reply | None:
        """Answer as the Responses API, or as the Messages API."""
        if request.header("upgrade"):
            return Reply.json({"error": {"message": "no WebSockets here"}}, status=426)
        path = request.path.partition("?")[0]
        if request.method != "POST" or not path.endswith(("/responses", "/messages")):
            return None
        request = plain(request)
        asked = request.json()
        if path.endswith("/responses"):
            return reply_to_response(request, self._item(asked))
        return reply_to_message(request, self._block(asked))

    def _item(self, asked: dict[str, Any]) -> dict[str, Any]:
        outputs = [each for each in asked["input"] if each.get("type") == "function_call_output"]
        if outputs:
            self.told.append(json.dumps(outputs[-1]))
            return message(DONE)
        for tool in asked.get("tools", ()):
            for inner in tool.get("tools", ()):
                if inner["name"] == TOOL and "github" in tool["name"]:
                    self.wanted.append(f"{tool['name']}.{TOOL}")
                    call = function_call(TOOL, json.dumps({"query": QUERY}))
                    return {**call, "namespace": tool["name"]}
        return message("no such tool")

    def _block(self, asked: dict[str, Any]) -> dict[str, Any]:
        names = [tool.get("name") or "" for tool in asked.get("tools", ())]
        offered = [name for name in names if name == f"mcp__github__{TOOL}"]
        results = [
            block
            for each in asked["messages"]
            if isinstance(each["content"], list)
            for block in each["content"]
            if block.get("type") == "tool_result"
        ]
        if self.wanted and results:
            self.told.append(json.dumps(results[-1]))
            return text(DONE)
        if offered:
            self.wanted.append(offered[0])
            return tool_use(offered[0], query=QUERY)
        self.waits += 1  # until its client has connected to the server
        if self.waits > 9 or "Bash" not in names:
            return text("no such tool")
        return tool_use("Bash", command="sleep 0.5", description="Wait")


@dataclass
class Desk:
    """An agent, its provider and its MCP server."""

    name: str
    agent: Agent
    company: Company
    provider: Provider
    port: int
    record: Path

    def work(self, data: dict[str, Any], rules: str = "") -> Finished:
        """Have the agent do its work under a policy."""
        address = f"http://127.0.0.1:{self.port}/mcp"
        whole = {"mcp": {"servers": {"github": [address]}}, "tools": {"allow": ["Bash"]}, **data}
        (self.company.policy / "data.yaml").write_text(json.dumps(whole))
        if rules:
            (self.company.policy / "wire.rego").write_text(rules)
        env = {**self.agent.settle(self.company), "ENABLE_TOOL_SEARCH": "false"}
        command = self.agent.command(self.agent.model)
        command = self._configure(command, address)
        return self.company.exec(*command, env=env, seconds=120)

    def _configure(self, command: list[str], address: str) -> list[str]:
        if self.name.startswith("codex"):
            file = self.company.home / "config.toml"
            server = f'\n[mcp_servers.github]\nurl = "{address}"\n'
            file.write_text(file.read_text() + server)
            return command
        file = self.company.home / "mcp.json"
        file.write_text(json.dumps({"mcpServers": {"github": {"type": "http", "url": address}}}))
        tools = f"Bash,mcp__github__{TOOL}"
        return [*(tools if word == "Bash" else word for word in command), "--mcp-config", str(file)]

    def verdicts(self, operation: str) -> list[str]:
        """Return the verdicts of an operation's requests."""
        chosen = Selection(operation=operation, phase="request")
        return [str(r.predicate["verdict"]) for r in select(self.company.state / "journal", chosen)]


@pytest.fixture(params=NAMES)
def desk(request: pytest.FixtureRequest, company: Company, tmp_path: Path) -> Iterator[Desk]:
    """Put an agent before its provider and its server."""
    provider, record = Provider(), tmp_path / "record"
    company.upstream.answer(provider.answer)
    with server("mcp1", record) as port:
        yield Desk(request.param, AGENTS[request.param], company, provider, port, record)


@pytest.mark.slow
def test_one_line_of_data_allows_a_tool_on_both_its_ways(desk: Desk) -> None:
    """When the model wants it, under the agent's name, and when the agent calls the server."""
    finished = desk.work({"tools": {"allow": ["Bash", f"mcp.github.{TOOL}"]}})
    assert DONE in finished.out, finished
    assert desk.verdicts("mcp.tools.call") == ["ALLOW"]
    assert "nothing about" in desk.provider.told[-1]
    assert "tools/call" in methods(desk.record)


@pytest.mark.slow
def test_one_line_of_data_denies_a_tool_and_hides_it(desk: Desk) -> None:
    """No model sees it in the list, so that none wants it."""
    finished = desk.work({"tools": {"allow": ["Bash"], "deny": [f"mcp__github__{TOOL}"]}})
    assert finished.out
    assert not desk.provider.wanted
    assert "tools/list" in methods(desk.record)
    assert "tools/call" not in methods(desk.record)


@pytest.mark.slow
def test_an_agent_carries_on_after_a_denied_call(desk: Desk) -> None:
    """It tells its model that the tool failed, and why."""
    finished = desk.work({"tools": {"allow": ["Bash", f"mcp.github.{TOOL}"]}}, _WIRE)
    assert DONE in finished.out, finished
    assert desk.verdicts("mcp.tools.call") == ["DENY"]
    assert "nobody's business" in desk.provider.told[-1]
    assert "tools/call" not in methods(desk.record)
