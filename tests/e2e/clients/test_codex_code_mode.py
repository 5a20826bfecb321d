"""Codex in its code mode: its tool `exec` takes JavaScript, which calls the other tools.

The text is no shell's, so that under the profile each of its calls needs a person. It is installed
by `scripts/clients`, and skipped where that was not run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.agent_provider import DONE, plain, results_of
from support.agents import AGENTS, COMMAND, MADE
from support.company import Company, Finished
from support.installed import installed
from support.responses import message, reply_to_response
from support.upstream import Recorded, Reply

pytestmark = pytest.mark.slow
SCRIPT = f'const r = await tools.exec_command({{cmd: "{COMMAND}"}}); text(r.output);'


@dataclass(slots=True)
class Provider:
    """A provider whose model calls `exec` once, with JavaScript; `asked` is what it was sent."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: Recorded) -> Reply | None:
        """Answer a request of Responses, and nothing else."""
        if request.method != "POST" or not request.path.endswith("/responses"):
            return None
        request = plain(request)
        self.asked.append(request.json())
        call = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "exec",
                "input": SCRIPT, "status": "completed"}  # fmt: skip
        is_done = results_of(self.asked[-1]["input"])
        return reply_to_response(request, message(DONE) if is_done else call)


def work(company: Company, provider: Provider, data: dict[str, Any], *options: str) -> Finished:
    """Have Codex run the script."""
    (company.policy / "data.yaml").write_text(
        json.dumps({"rules": {"tools.unlisted": "off"}, **data})
    )
    company.upstream.answer(provider)
    program = installed("node", "node_modules", ".bin", "codex")
    words = ["--enable", "code_mode", "--skip-git-repo-check", "-m", "gpt-5", "Do your work."]
    free = "--dangerously-bypass-approvals-and-sandbox"
    told = AGENTS["codex over HTTP"].settle(company)
    return company.exec(program, "exec", free, *words, options=options, env=told, seconds=400)


def test_its_script_runs_where_that_is_allowed(company: Company) -> None:
    """It is offered as a tool with a text, and what it calls is the agent's own affair."""
    provider = Provider()
    finished = work(company, provider, {})
    assert DONE in finished.out, finished
    assert (company.home / MADE).exists()
    offered = {tool.get("name"): tool["type"] for tool in provider.asked[0]["tools"]}
    assert offered["exec"] == "custom"


def test_its_script_needs_a_person_under_the_profile(company: Company) -> None:
    """What it would run can't be told, and the agent says so after one request."""
    provider = Provider()
    finished = work(company, provider, {}, "--policy", "profile:coding-agent")
    assert "needs a person's approval" in finished.err, finished
    assert "Tool: exec." in finished.err
    assert not (company.home / MADE).exists()
    assert len(provider.asked) == 1


def test_a_denied_script_steers(company: Company) -> None:
    """Its model reads why in its own call, which has a text as the denied one had."""
    provider = Provider()
    finished = work(company, provider, {"tools": {"deny": ["exec"]}})
    assert DONE in finished.out, finished
    assert not (company.home / MADE).exists()
    sent = json.dumps(provider.asked[-1]["input"])
    assert "helm_boundary_denied" in sent
    assert "a tool that is never allowed" in sent
    assert COMMAND not in sent
