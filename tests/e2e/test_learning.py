"""From watching to enforcing, by receipts and by recordings, with a client that streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml
from click.testing import CliRunner, Result

from helm_boundary.cli import main
from support.boundary import Boundary
from support.chat import ToolCall, Turn, reply_to_chat
from support.upstream import Upstream

RULE = """package helm.rules.own

deny contains {
	"rule": "own.weekly",
	"code": "POLICY_VIOLATION",
	"message": "Not this model.",
	"finality": "instance_parameter",
} if {
	input.phase == "request"
	is_weekly
}

is_weekly if input.model == "gpt-5-mini"

deny contains {
	"rule": "own.arguments",
	"code": "POLICY_VIOLATION",
	"message": "Not with these.",
	"finality": "instance_parameter",
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	says(call)
}

says(call) if call.arguments.command == "ls"
"""


@dataclass(frozen=True, slots=True)
class Day:
    """A day that was watched: its receipts, its recording, and the log."""

    state: Path
    flows: Path
    log: str

    def run(self, *arguments: object) -> Result:
        """Run `helm-boundary policy`."""
        return CliRunner().invoke(main, ["policy", *map(str, arguments)])


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Watch a client that streams: a tool call, and an answer of a model that isn't listed."""
    folder = tmp_path_factory.mktemp("day")
    flows = folder / "day.mitm"
    options = {"helm_mode": "observe"}
    with Upstream() as upstream:
        with Boundary(upstream, state=folder, options=options, args=["-w", str(flows)]) as boundary:
            client = openai.OpenAI(base_url=boundary.url + "/v1", api_key="none", max_retries=0)
            call = ToolCall("run_shell", json.dumps({"command": "ls"}))
            upstream.answer(lambda request: reply_to_chat(request, Turn("", (call,))))
            messages: Any = [{"role": "user", "content": "go on"}]
            for model in ("gpt-5-mini", "house-model"):
                list(client.chat.completions.create(model=model, stream=True, messages=messages))
        yield Day(boundary.state, flows, boundary.log)


def test_a_policy_is_learnt_from_receipts(day: Day, tmp_path: Path) -> None:
    """Models, tools and hosts, of streams as of anything; into a folder that a policy can be."""
    result = day.run("learn", "--receipts", "--state", day.state, "-o", tmp_path / "mine")
    assert result.exit_code == 0, result.output
    proposal = yaml.safe_load((tmp_path / "mine" / "data.yaml").read_text())
    assert sorted(proposal["models"]["allow"]) == ["gpt-5-mini", "house-model"]
    assert proposal["tools"]["allow"] == ["run_shell"]
    assert proposal["hosts"]["allow"] == ["127.0.0.1"]
    assert day.run("check", tmp_path / "mine").exit_code == 0
    again = day.run("learn", "--receipts", "--state", day.state, "-o", tmp_path / "mine")
    assert again.exit_code == 2
    assert "is there already" in again.output


def test_a_difference_by_receipts_names_what_it_cannot_judge(day: Day, tmp_path: Path) -> None:
    """Rules over models and tools are judged, those over arguments are named; exit code 0."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.rego").write_text(RULE)
    result = day.run("diff", "--receipts", "--state", day.state, tmp_path)
    assert result.exit_code == 0, result.output
    assert "new: request DENY (own.weekly)" in result.output
    assert "1 of 2 calls would end otherwise" in result.output
    named = result.output.partition("not judged, as receipts don't have what they read: ")[2]
    assert "own.arguments" in named
    assert "tools.arguments" in named
    assert "own.weekly" not in named
    assert "tools.unlisted" not in named


def test_a_difference_by_a_recording_judges_arguments(day: Day, tmp_path: Path) -> None:
    """The recording of a boundary has streams whole, without being told to."""
    assert "store_streamed_bodies set" in day.log
    (tmp_path / "data.yaml").write_text(
        "tools: {allow: [run_shell], shell: {run_shell: command}}\n"
        "commands: {programs: {deny: [ls]}}\nmodels: {allow: [house-model]}\n"
    )
    result = day.run("diff", "--flows", day.flows, "-", tmp_path)
    assert result.exit_code == 1, result.output
    assert "new: request ALLOW; response DENY (commands.denied)" in result.output
    assert "2 of 2 calls would end otherwise" in result.output
    assert day.run("diff", "--flows", day.flows, "-", "-").exit_code == 0


def test_receipts_or_a_recording_and_not_both(day: Day) -> None:
    """One of them must be named."""
    for options in ((), ("--receipts", "--flows", day.flows)):
        result = day.run("learn", *options)
        assert result.exit_code == 2
        assert "expected either --flows FILE or --receipts" in result.output


def test_a_call_has_one_line_of_the_log(day: Day) -> None:
    """With its verdict, why, the operation, the model, the tool and the receipt."""
    lines = [line for line in day.log.splitlines() if "(receipt " in line]
    assert len(lines) == 2
    assert (
        "ESCALATE (observed) APPROVAL_REQUIRED tools.unlisted createChatCompletion gpt-5-mini"
        in lines[0]
    )
    assert "tool run_shell (receipt " in lines[0]
    assert "house-model" in lines[1]
