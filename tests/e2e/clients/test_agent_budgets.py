"""Coding agents with a model that never has enough: a run of theirs ends where its budget does.

They are installed by `scripts/clients`, and skipped where that was not run.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from helm_receipts.layout import Layout
from support.agent_provider import Provider, Socket, plain
from support.agents import AGENTS
from support.budgets import assert_books
from support.company import HOSTS, Company
from support.messages import reply_to_message, tool_use
from support.responses import function_call, reply_to_response, response_events
from support.upstream import Recorded, Reply

CALLS = 4
COMMAND = "echo once more"


def endless(request: Recorded) -> Reply | None:
    """Have the agent run one command after the other, for as long as it asks."""
    path = request.path.partition("?")[0]
    readable = plain(request)
    if request.method == "POST" and path.endswith("/responses"):
        return reply_to_response(readable, _call())
    if request.method == "POST" and path.endswith("/messages"):
        asked = readable.json()
        if "Bash" in {tool.get("name") for tool in asked.get("tools", ())}:
            return reply_to_message(readable, tool_use("Bash", command=COMMAND, description="Work"))
    return Provider()(request)


def _call() -> dict[str, Any]:
    return function_call("exec_command", json.dumps({"cmd": COMMAND}))


class EndlessSocket(Socket):
    """The same over a WebSocket."""

    def converse(self, socket: ServerConnection) -> None:
        """Answer each `response.create` with one more command."""
        try:
            for sent in socket:
                asked = json.loads(sent)
                self.asked.append(asked)
                output = () if asked.get("generate") is False else (_call(),)
                for event in response_events(asked, output):
                    socket.send(event.split(b"data: ")[1].decode().strip())
        except ConnectionClosed:
            pass


@pytest.mark.parametrize(
    "name",
    [
        "claude code",
        "codex over a WebSocket",
        pytest.param("codex over HTTP", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_run_ends_where_its_budget_does(name: str, company: Company) -> None:
    """The provider is asked as often as the budget has calls, and the agent says why it ended."""
    agent = AGENTS[name]
    model = agent.model
    data = {
        "rules": {"tools.unlisted": "off"},
        "budgets": {
            "agents": {"match": {"models": [model]}, "limit": {"calls": CALLS}, "window": "month"}
        },
    }
    (company.policy / "data.yaml").write_text(json.dumps(data))
    company.upstream.answer(endless)
    with contextlib.ExitStack() as opened:
        socket = None
        if agent.in_socket:
            socket = opened.enter_context(EndlessSocket(company.authority.issue(*HOSTS)))
            company.gateway.lead(agent.host, socket.port)
        told = agent.settle(company)
        finished = company.exec(*agent.command(model), env=told, seconds=120)
    read = [each.json() for each in map(plain, company.upstream.requests) if each.body[:1] == b"{"]
    asked = [*read, *(socket.asked if socket else ())]
    worked = [a for a in asked if a.get("model") == model and a.get("generate") is not False]
    assert len(worked) == CALLS, finished
    assert "budget agents" in finished.out + finished.err, finished
    books = assert_books(Layout(company.state))
    assert [amounts.calls for amounts in books.settled.values()] == [CALLS]
