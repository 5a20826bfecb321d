"""Coding agents, unchanged, over each of their transports: what is denied doesn't happen.

Their provider has them run a command that makes a file. They are installed by `scripts/clients`,
and skipped where that was not run.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner

from helm_boundary.approvals.store import Store
from helm_boundary.cli import main
from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope.key_files import load
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.agents import AGENTS, ALLOWED, DONE, MADE, Agent, Socket, answer, plain, remembered
from support.approvals import until
from support.company import HOSTS, Company, Finished

FORBIDDEN = "somebody-elses-model"
NAME = "helm_boundary_denied"


@dataclass(frozen=True, slots=True)
class Desk:
    """An agent in its company."""

    agent: Agent
    model: str
    company: Company
    socket: Socket | None

    def work(self, model: str, *options: str, seconds: int = 180, **tools: list[str]) -> Finished:
        """Have the agent do its work with a model, where policy says this of its tools.

        `options` are the boundary's, such as `helm_on_tool_denied=error`.
        """
        data = {"rules": {"tools.unlisted": "off"}, "tools": tools}
        (self.company.policy / "data.yaml").write_text(json.dumps(data))
        told = self.agent.settle(self.company)
        settings = tuple(word for each in options for word in ("--set", each))
        command = self.agent.command(model)
        return self.company.exec(*command, options=settings, env=told, seconds=seconds)

    @property
    def made(self) -> bool:
        """Whether the command has run."""
        return (self.company.home / MADE).exists()

    def asked(self, model: str) -> list[dict[str, Any]]:
        """Return what reached the provider for a model."""
        read = map(plain, self.company.upstream.requests)
        posted = [each.json() for each in read if each.body.startswith(b"{")]
        sent = self.socket.asked if self.socket else []
        return [each for each in (*posted, *sent) if each.get("model") == model]

    def receipts(self, model: str) -> Counter[tuple[str, str]]:
        """Count the model's receipts by phase and verdict; the journal verifies, no call is open.

        Each call has a receipt for its request and one for its outcome.
        """
        layout = Layout(self.company.state)
        report = verify_journal(
            layout.journal, [load(layout.keys / "receipt.pem", "receipt").public]
        )
        assert report.open_calls == 0
        found = [record.predicate for record in read_records(layout.journal)]
        flows = [(each.get("flow", {}), each) for each in found]
        # What an agent sends home about itself may name the model too, and isn't answered.
        mine = [
            each
            for flow, each in flows
            if flow.get("model") == model and flow["operation"] != "unknown"
        ]
        phases = Counter(each["phase"] for each in mine)
        assert phases["request"] == phases["outcome"] > 0, phases
        return Counter((each["phase"], each["verdict"]) for each in mine)


_SLOW = {name for name in AGENTS if "login" in name}
"""Codex with a login does what it does with a key, at another address."""


@pytest.fixture(
    params=[pytest.param(each, marks=[pytest.mark.slow] * (each in _SLOW)) for each in AGENTS]
)
def desk(request: pytest.FixtureRequest, company: Company) -> Iterator[Desk]:
    """Put the agent before its provider."""
    agent = AGENTS[request.param]
    company.upstream.answer(answer)
    with contextlib.ExitStack() as opened:
        socket = None
        if agent.in_socket:
            certificate = company.authority.issue(*HOSTS)
            socket = opened.enter_context(Socket(certificate))
            company.gateway.lead(agent.host, socket.port)
        yield Desk(agent, ALLOWED[request.param.split()[0]], company, socket)


@pytest.mark.slow
def test_an_allowed_tool_runs(desk: Desk) -> None:
    """The agent makes the file and says so: what is denied below would have happened."""
    finished = desk.work(desk.model)
    assert DONE in finished.out, finished
    assert desk.made
    assert remembered(desk.company.home)
    assert {verdict for _, verdict in desk.receipts(desk.model)} == {"ALLOW"}


def test_a_denied_tool_never_reaches_the_agent(desk: Desk) -> None:
    """Neither the file is made, nor does the agent know what the model wanted."""
    finished = desk.work(desk.model, "helm_on_tool_denied=error", deny=[desk.agent.tool])
    assert desk.asked(desk.model), finished
    assert not desk.made
    assert not remembered(desk.company.home)
    assert DONE not in finished.out
    assert "helm-boundary denied this call" in finished.out + finished.err
    times = 2 if desk.agent.tool == "Bash" else 1  # Claude Code asks once more, as it is set to
    assert desk.receipts(desk.model)["outcome", "DENY"] == times, finished


def test_a_denied_tool_steers_the_agent(desk: Desk) -> None:
    """Its model reads why in the call that came in place of its own, and works on to the end.

    Over a WebSocket Codex sends what the tool gave back alone, which has the name of the call, and
    opencode writes a call of its own in its place, which has it too.
    """
    finished = desk.work(desk.model, deny=[desk.agent.tool])
    assert DONE in finished.out, finished
    assert not desk.made
    assert not remembered(desk.company.home)
    (last,) = desk.asked(desk.model)[-1:]
    sent_back = json.dumps(last)
    assert NAME in sent_back
    assert "tools.denied" in sent_back or desk.socket or desk.agent.tool == "bash"
    counted = desk.receipts(desk.model)
    assert counted["outcome", "DENY"] == 1
    assert counted["outcome", "ALLOW"]


@pytest.mark.slow
@pytest.mark.parametrize("says", ["approve", "deny"])
@pytest.mark.parametrize("seconds", [5, 60, 330])
def test_an_agent_waits_for_a_person(desk: Desk, seconds: int, says: str) -> None:
    """As long as it takes; with a yes the command runs, with a no the model is told why."""
    options = ("helm_on_escalate=hold", "helm_hold_seconds=500")
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(
            desk.work, desk.model, *options, seconds=seconds + 180, person=[desk.agent.tool]
        )
        identity = until(lambda: _question(desk.company), 90)
        time.sleep(seconds)
        assert not working.done(), working.result()
        assert not desk.made
        command = ["approvals", says, "--yes", "--state", str(desk.company.state), identity]
        assert CliRunner().invoke(main, command).exit_code == 0
        finished = working.result()
    assert DONE in finished.out, finished
    assert desk.made is (says == "approve")
    verdicts = desk.receipts(desk.model)
    assert verdicts["outcome", "DENY"] == (says == "deny")


def _question(company: Company) -> str | None:
    """Return the id of the question that waits for a person."""
    if not (company.state / "approvals").is_dir():
        return None
    waiting = Store.open(company.state).pending(time.time_ns())
    return waiting[0].id if waiting else None


@pytest.mark.slow
def test_a_denied_model_is_never_asked(desk: Desk) -> None:
    """The provider sees nothing that names it, and the agent says why."""
    if desk.agent.tool == "bash":
        pytest.skip("opencode itself refuses a model that it doesn't know")
    finished = desk.work(FORBIDDEN)
    assert not desk.asked(FORBIDDEN), finished
    assert not desk.made
    assert set(desk.receipts(FORBIDDEN)) == {("request", "DENY"), ("outcome", "DENY")}
    assert "model" in finished.out + finished.err
