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
from support.agent_provider import DONE, Provider, Socket, plain
from support.agents import (
    AGENTS,
    ANOTHER,
    CALC,
    COMMAND,
    FILES,
    MADE,
    OTHER,
    WHOLE,
    Agent,
    remembered,
)
from support.approvals import until
from support.company import HOSTS, Company, Finished

FORBIDDEN = "somebody-elses-model"
_PATIENCE = 400
"""Seconds that an agent may take, on a machine that has much else to do."""


_ASKS = """package helm.rules.agents

deny contains reason("POLICY_VIOLATION") if is_asked("deny")

escalate contains reason("APPROVAL_REQUIRED") if is_asked("escalate")

is_asked(verdict) if {
	input.phase == "request"
	input.model == data.agents.model
	data.agents.request == verdict
}

reason(code) := {
	"rule": "agents.asked",
	"code": code,
	"message": "The agent may not ask by itself.",
	"finality": "ungranted",
}
"""
"""What is denied or needs a person of an agent's requests."""


@dataclass(frozen=True, slots=True)
class Desk:
    """An agent in its company."""

    agent: Agent
    company: Company
    socket: Socket | None
    under: tuple[str, ...] = ()
    """The options of `exec` that it runs under."""

    @property
    def model(self) -> str:
        """The model that it may use."""
        return self.agent.model

    def work(
        self,
        model: str,
        *options: str,
        provider: Provider | None = None,
        seconds: int = _PATIENCE,
        says: str = "",
        never: str = "",
        requests: str = "",
    ) -> Finished:
        """Have the agent do what its provider says, where policy `says` this of its calls.

        `says` is `deny` or `person`, for its tool, or its requests where it has none; `never` is
        what its commands mustn't have, `requests` what becomes of its requests. `options` are the
        boundary's.
        """
        if says and not self.agent.tool:
            requests = "deny" if says == "deny" else "escalate"
        self._lay_down_policy(says, never, requests)
        settings = tuple(word for each in options for word in ("--set", each))
        return self.run(model, provider or self.agent.makes(COMMAND), settings, seconds)

    def run(
        self, model: str, provider: Provider, options: tuple[str, ...], seconds: int = _PATIENCE
    ) -> Finished:
        """Have the agent do what its provider says, with these options of `exec`."""
        self.company.upstream.answer(provider)
        if self.socket is not None:
            self.socket.provider = provider
        finished = self.company.exec(
            *self.agent.command(model),
            options=(*self.under, *options),
            env=self.agent.settle(self.company),
            seconds=seconds,
        )
        if self.under and "network namespace" in finished.err:
            pytest.skip("no network namespaces for this user")
        return finished

    def _lay_down_policy(self, says: str, never: str, requests: str) -> None:
        tool = self.agent.tool
        data: dict[str, Any] = {"rules": {"tools.unlisted": "off"}}
        constraint = {"argument": self.agent.argument, "never": [never]}
        if never:
            data["tools"] = {"arguments": {tool: [constraint]}}
        elif says and tool:
            data["tools"] = {says: [tool]}
        if requests:
            (self.company.policy / "agents.rego").write_text(_ASKS)
            data["agents"] = {"request": requests, "model": self.model}
        (self.company.policy / "data.yaml").write_text(json.dumps(data))

    @property
    def made(self) -> bool:
        """Whether the command has run."""
        return (self.company.home / MADE).exists()

    def asked(self, model: str) -> list[dict[str, Any]]:
        """Return what reached the provider for a model."""
        read = map(plain, self.company.upstream.requests)
        posted = [(each.path, each.json()) for each in read if each.body.startswith(b"{")]
        sent = [("", each) for each in self.socket.asked] if self.socket else []
        at = f"/models/{model}:"
        return [each for path, each in (*posted, *sent) if each.get("model") == model or at in path]

    def receipts(self, model: str) -> Counter[tuple[str, str]]:
        """Count the model's receipts by phase and verdict; the journal verifies, no call is open.

        Each call has a receipt for its request, two if that waited, and one for its outcome.
        """
        layout = Layout(self.company.state)
        report = verify_journal(
            layout.journal, [load(layout.keys / "receipt.pem", "receipt").public]
        )
        assert report.open_calls == 0
        found = [record.predicate for record in read_records(layout.journal)]
        flows = [(each.get("flow", {}), each) for each in found]
        # What an agent sends home about itself may name the model too, and no model answers it.
        mine = [
            each
            for flow, each in flows
            if flow.get("model") == model and flow["dialect"] != "generic"
        ]
        phases = Counter(each["phase"] for each in mine)
        assert phases["request"] >= phases["outcome"] > 0, phases
        return Counter((each["phase"], each["verdict"]) for each in mine)


_QUICK = {"codex over a WebSocket", "claude code"}
"""Those whose tests are in the plain run; the others' take minutes."""


@pytest.fixture(
    params=[
        pytest.param((), id="exec"),
        pytest.param(("--confine",), id="confined", marks=pytest.mark.slow),
    ]
)
def under(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Return the options of `exec`: whether the agent has a network of its own."""
    options: tuple[str, ...] = request.param
    return options


@pytest.fixture(
    params=[pytest.param(each, marks=[pytest.mark.slow] * (each not in _QUICK)) for each in AGENTS]
)
def desk(
    request: pytest.FixtureRequest, company: Company, under: tuple[str, ...]
) -> Iterator[Desk]:
    """Put the agent before its provider, in a folder with a program that has a fault."""
    agent = AGENTS[request.param]
    agent.command(agent.model)  # skips where it isn't installed, not in a thread later on
    for name, text in FILES.items():
        (company.home / name).write_text(text)
    with contextlib.ExitStack() as opened:
        socket = None
        if agent.in_socket:
            certificate = company.authority.issue(*HOSTS)
            socket = opened.enter_context(Socket(certificate))
            company.gateway.lead(agent.host, socket.port)
        yield Desk(agent, company, socket, under)


@pytest.mark.slow
def test_an_allowed_tool_runs(desk: Desk) -> None:
    """The agent makes the file and says so: what is denied below would have happened."""
    finished = desk.work(desk.model)
    assert DONE in finished.out, finished
    assert desk.made
    assert desk.agent.tool in ("", "run_command") or remembered(desk.company.home)
    assert {verdict for _, verdict in desk.receipts(desk.model)} == {"ALLOW"}


@pytest.mark.slow
def test_an_agent_mends_a_program(desk: Desk) -> None:
    """It reads a file, edits it, runs the tests and ends; its model has seen that they pass."""
    finished = desk.work(desk.model, provider=desk.agent.works(desk.company.home))
    assert DONE in finished.out, finished
    assert WHOLE in (desk.company.home / CALC).read_text()
    seen = json.dumps(desk.asked(desk.model)) if desk.agent.tool else finished.out
    assert "Ran 1 test" in seen, finished
    assert "FAILED" not in seen
    assert {verdict for _, verdict in desk.receipts(desk.model)} == {"ALLOW"}


def test_a_denied_tool_never_reaches_the_agent(desk: Desk) -> None:
    """Neither the file is made, nor does the agent know what the model wanted."""
    finished = desk.work(desk.model, "helm_on_tool_denied=error", says="deny")
    assert desk.agent.tool == "" or desk.asked(desk.model), finished
    assert not desk.made
    assert not remembered(desk.company.home)
    assert DONE not in finished.out
    assert "helm-boundary denied this call" in " ".join((finished.out + finished.err).split())
    assert desk.receipts(desk.model)["outcome", "DENY"] == desk.agent.asks, finished


def test_a_denied_tool_steers_the_agent(desk: Desk) -> None:
    """Its model reads why, in its own call or in what came of it, and gets there another way."""
    if not desk.agent.steers:
        pytest.skip("no denied call of its tools steers it")
    finished = desk.work(
        desk.model,
        f"helm_on_tool_denied={desk.agent.steers}",
        provider=desk.agent.makes(COMMAND, ANOTHER),
        never=MADE,
    )
    assert DONE in finished.out, finished
    assert not desk.made
    assert (desk.company.home / OTHER).exists()
    assert not remembered(desk.company.home)
    read = json.dumps(desk.asked(desk.model))
    assert "tools.arguments" in read
    assert "called a tool with arguments that are not allowed" in read
    counted = desk.receipts(desk.model)
    assert counted["outcome", "DENY"] == 1
    assert counted["outcome", "ALLOW"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "says"),
    [(5, "approve"), (5, "deny"), (60, "approve"), (60, "deny"), (330, "approve")],
)
def test_an_agent_waits_for_a_person(desk: Desk, seconds: int, says: str) -> None:
    """As long as it takes; with a yes the command runs, with a no the model is told why."""
    options = ("helm_on_escalate=hold", "helm_hold_seconds=500")
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(
            desk.work, desk.model, *options, seconds=seconds + _PATIENCE, says="person"
        )
        identity = until(lambda: _question(desk.company), _PATIENCE)
        time.sleep(seconds)
        assert not working.done(), working.result()
        assert not desk.made
        _answer(desk.company, says, identity)
        finished = working.result()
    assert desk.made is (says == "approve")
    verdicts = desk.receipts(desk.model)
    if says == "approve":
        assert DONE in finished.out, finished
        assert not verdicts["outcome", "DENY"]
    else:
        told = " ".join((finished.out + finished.err).split())
        assert DONE in told or "a person refused this call" in told, finished
        assert (DONE in told) is (desk.agent.steers == "auto")
        assert verdicts["outcome", "DENY"]


def test_a_grant_for_a_session_is_for_the_rest_of_its_run(desk: Desk) -> None:
    """The agent does the same once more in its session, and nobody is asked again."""
    if not desk.agent.names_session:
        pytest.skip("its requests name no session")
    options = ("helm_on_escalate=hold", "helm_hold_seconds=100")
    provider = desk.agent.makes(COMMAND, COMMAND)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(desk.work, desk.model, *options, says="person", provider=provider)
        identity = until(lambda: _question(desk.company), _PATIENCE)
        _answer(desk.company, "approve", identity, "--session")
        finished = working.result()
    assert DONE in finished.out, finished
    assert desk.made
    kinds = Counter(each["event"]["kind"] for each in _approvals(desk.company))
    assert kinds == {"requested": 1, "granted": 1, "used": 2}


def test_a_granted_request_passes_in_the_next_run(desk: Desk) -> None:
    """Its session, its counters and its ids are others then; what it asks for is the same."""
    if desk.socket is not None or desk.agent.tool == "run_shell_command":
        pytest.skip("it asks in several messages, or tells what is in its folder")
    provider = Provider()
    refused = desk.work(desk.model, provider=provider, requests="escalate")
    assert DONE not in refused.out, refused
    identity = until(lambda: _question(desk.company), _PATIENCE)
    _answer(desk.company, "approve", identity)
    assert DONE in desk.work(desk.model, provider=provider, requests="escalate").out
    differed = {each["event"].get("volatile") for each in _approvals(desk.company)}
    assert desk.agent.tool != "Bash" or differed == {"/metadata/user_id /system/0/text"}


def _answer(company: Company, says: str, identity: str, *options: str) -> None:
    """Answer a question as an operator does."""
    command = ["approvals", says, "--yes", *options, "--state", str(company.state), identity]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output


def _approvals(company: Company) -> list[dict[str, Any]]:
    """Return the receipts of approvals."""
    found = [record.predicate for record in read_records(Layout(company.state).journal)]
    return [each for each in found if each["phase"] == "approval"]


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


MAIL = "someone@example.com"
_OWN = {
    "tools": {
        "allow_prefixes": ["run_command", "edit_file"],
        "shell": {"run_command": "command"},
        "files": {"edit_file": "path"},
    }
}
"""What a program of the user's own has beside the tools that the profile knows."""


def _under_profile(desk: Desk, provider: Provider) -> Finished:
    own = desk.company.home.parent / "own"
    own.mkdir()
    (own / "data.yaml").write_text(json.dumps(_OWN))
    options = ("--policy", "profile:coding-agent", "--policy", str(own))
    return desk.run(desk.model, provider, options)


def test_an_agent_works_under_its_profile(desk: Desk) -> None:
    """It reads, edits and runs tests to the end, and nothing personal is cut out of its code."""
    calc = desk.company.home / CALC
    calc.write_text(f"# {MAIL}\n{calc.read_text()}")
    finished = _under_profile(desk, desk.agent.works(desk.company.home))
    assert DONE in finished.out, finished
    assert WHOLE in calc.read_text()
    seen = json.dumps(desk.asked(desk.model)) if desk.agent.tool else finished.out
    assert "Ran 1 test" in seen, finished
    assert desk.agent.tool == "" or MAIL in seen
    assert {verdict for _, verdict in desk.receipts(desk.model)} == {"ALLOW"}


@pytest.mark.slow
def test_the_profile_asks_before_an_agent_harms(desk: Desk) -> None:
    """Removing a folder needs a person, and what needs one doesn't happen."""
    if not desk.agent.tool:
        pytest.skip("it runs no commands")
    (desk.company.home / "build").mkdir()
    finished = _under_profile(desk, desk.agent.makes("rm -rf build"))
    assert (desk.company.home / "build").is_dir(), finished
    assert desk.receipts(desk.model)["outcome", "ESCALATE"], finished
    assert "needs a person's approval" in " ".join((finished.out + finished.err).split())
