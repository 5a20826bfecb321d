"""The tutorial, executed: every block of it, in order, prints what it says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.chat import ToolCall, Turn, reply_to_chat
from support.company import Company
from support.pages import DOCS, run, steps
from support.upstream import Recorded, Reply

_AGENT = """#!{python}
import openai

client = openai.OpenAI(max_retries=0)
for asked in ("look around", "clean up"):
    try:
        told = client.chat.completions.create(
            model="gpt-6", stream=True, messages=[{{"role": "user", "content": asked}}]
        )
        deltas = [choice.delta for each in told for choice in each.choices]
        calls = [call for delta in deltas for call in delta.tool_calls or ()]
        print("".join(call.function.arguments or "" for call in calls))
    except openai.APIError as error:
        print(error.code, error.message)
"""
_COMMANDS = {"look around": "ls -la", "clean up": "rm -rf build"}


def answer(request: Recorded) -> Reply | None:
    """Have the agent run a command, in a stream."""
    if request.method != "POST":
        return None
    asked = request.json()["messages"][-1]["content"]
    call = ToolCall("run_shell", json.dumps({"command": _COMMANDS[asked]}))
    return reply_to_chat(request, Turn("", (call,)))


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """Create a company whose provider has agents run commands."""
    with Company(tmp_path) as company:
        company.upstream.answer(answer)
        yield company


def test_the_tutorial_works_as_written(company: Company, tmp_path: Path) -> None:
    """From watching an agent that streams to a policy in force."""
    folder = tmp_path / "desk"
    programs = folder / ".local" / "bin"
    programs.mkdir(parents=True)
    agent = programs / "your-agent"
    agent.write_text(_AGENT.format(python=sys.executable))
    agent.chmod(0o755)
    environment = company.environment()
    path = f"{programs}:{Path(sys.executable).parent}:{environment['PATH']}"
    told = {**environment, "PATH": path, "HOME": str(folder), "HELM_STATE": str(folder / "state")}
    watch, *middle, enforce = steps((DOCS / "tutorial.md").read_text("utf-8"))
    assert len(middle) == 3
    assert "rm -rf build" in run(watch, folder, names=None, **told)
    for step in middle:
        run(step, folder, names=None, **told)
    printed = run(enforce, folder, names=None, **told)
    assert "ls -la" in printed
    assert "rm -rf" not in printed
