"""A policy against recorded traffic: what would end otherwise, and what was seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from helm_boundary.cli.policy import policy
from helm_boundary.flows.recording import RecordingError
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.replay.recorded import read_recording


def chat(
    model: str = "gpt-4.1-mini",
    text: str = "Good morning!",
    *,
    path: str = "/v1/chat/completions",
    reply: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> http.HTTPFlow:
    """Return a recorded chat over api.openai.com, with the reply's message or without a reply."""
    flow = tflow.tflow()
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    flow.request = http.Request.make(
        "POST",
        f"https://api.openai.com{path}",
        json.dumps(body),
        http.Headers(content_type="application/json", host="api.openai.com"),
    )
    flow.client_conn.sni = "api.openai.com"
    if reply is not None:
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **reply}}
        answer = {"id": "1", "object": "chat.completion", "model": model, "choices": [choice]}
        fields = {"content-type": "application/json", **(headers or {})}
        flow.response = http.Response.make(200, json.dumps(answer), fields)
    return flow


def calling(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """Record six flows: a chat, another model, a tool call, a page, a refused path, a denial."""
    page = tflow.tflow()
    page.request = http.Request.make(
        "GET", "https://www.example.com/", headers=http.Headers(host="www.example.com")
    )
    return recorded(
        tmp_path / "recorded.mitm",
        chat(reply={"content": "Hello."}),
        chat("house-model", reply={"content": "Hello."}),
        chat(reply=calling("search", {"q": "x", "n": 1})),
        page,
        chat(path="/v1//chat/completions"),
        chat(reply=calling("rm", {}), headers={"x-helm-status": "DENIED"}),
    )


def recorded(path: Path, *flows: http.HTTPFlow) -> Path:
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for flow in flows:
            writer.add(flow)
    return path


def data(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "data.yaml").write_text(text)
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(policy, [str(argument) for argument in arguments])


def test_a_recording_is_read_as_the_boundary_would(flows: Path) -> None:
    """Calls are read, other traffic is left, and what the boundary refuses is counted."""
    recording = read_recording(flows)
    assert [call.number for call in recording.calls] == [1, 2, 3, 6]
    assert (recording.other, recording.unreadable) == (1, 1)
    assert recording.calls[3].answer is None  # the boundary's own denial says nothing


def test_a_file_that_is_no_recording_is_an_error(tmp_path: Path) -> None:
    """With the file's name."""
    (tmp_path / "x").write_text("not flows")
    with pytest.raises(RecordingError, match="not recorded flows"):
        read_recording(tmp_path / "x")
    assert run("diff", "-", "-", "--flows", tmp_path / "x").exit_code == 2


def test_diff_shows_each_call_that_would_end_differently(flows: Path, tmp_path: Path) -> None:
    """And nothing else."""
    new = data(tmp_path / "new", "models: {allow: [house-model]}\ntools: {allow: [search]}\n")
    result = run("diff", "-", new, "--flows", flows, "--json")
    changed = {line["flow"]: line for line in map(json.loads, result.output.splitlines())}
    assert result.exit_code == 1
    assert sorted(changed) == [2, 3]
    assert changed[2]["old"] == [
        {"phase": "request", "verdict": "DENY", "rules": ["models.unlisted"]}
    ]
    assert [said["verdict"] for said in changed[2]["new"]] == ["ALLOW", "ALLOW"]
    assert changed[3]["old"][1]["rules"] == ["tools.unlisted"]
    assert changed[3]["new"][1]["verdict"] == "ALLOW"


def test_diff_prints_two_lines_per_call_and_a_count(flows: Path, tmp_path: Path) -> None:
    """Two lines a call, and a count; incomplete when a flow could not be read."""
    new = data(tmp_path / "new", "models: {allow: [house-model]}")
    result = run("diff", "-", new, "--flows", flows)
    assert "flow 2: createChatCompletion house-model at api.openai.com" in result.output
    assert "  old: request DENY (models.unlisted)" in result.output
    assert "1 of 4 calls would end otherwise" in result.output
    assert run("diff", "-", "-", "--flows", flows).exit_code == 3


def test_learn_proposes_what_was_seen(flows: Path, tmp_path: Path) -> None:
    """The proposal is a data file that the policy takes, without one value of an argument."""
    result = run("learn", "--flows", flows)
    assert result.exit_code == 3  # one flow could not be read
    proposed = yaml.safe_load(result.output)
    assert proposed["models"]["allow"] == ["gpt-4.1-mini", "house-model"]
    assert proposed["hosts"]["allow"] == ["api.openai.com"]
    assert proposed["tools"]["allow"] == ["search"]
    assert '# arguments: {"n": number, "q": string}' in result.output
    own = data(tmp_path / "own", result.output)
    assert read_policy([own]).data["models"]["allow_prefixes"] == []
    assert run("diff", own, own, "--flows", flows).exit_code == 3


def test_names_from_traffic_can_not_break_the_proposal(tmp_path: Path) -> None:
    """A model's name can't break out of its line in the proposal."""
    strange = 'x"\n  evil: [y]\u2028# \x85😀'
    path = tmp_path / "recorded.mitm"
    with path.open("wb") as file:
        FlowWriter(file).add(chat(strange))
    proposed = yaml.safe_load(run("learn", "--flows", path).output)
    assert proposed["models"] == {"allow": [strange], "allow_prefixes": []}


def test_eval_judges_recorded_calls(flows: Path) -> None:
    """Each call and phase with its decision."""
    result = run("eval", "--flow", flows)
    assert "flow 1, request: ALLOW" in result.output
    assert "flow 2, request: DENY" in result.output
    assert "flow 3, response: ESCALATE" in result.output
    assert result.exit_code == 1


def test_eval_says_which_calls_no_policy_is_asked_about(flows: Path, tmp_path: Path) -> None:
    """With the reason: nothing of them was allowed, so the exit code isn't 0."""
    assert (
        "flow 5: the boundary refuses it by itself: SCHEMA" in run("eval", "--flow", flows).output
    )
    twice = chat()
    twice.request.content = b'{"model": "gpt-4.1-mini", "model": "o3", "messages": []}'
    path = recorded(tmp_path / "twice.mitm", twice)
    result = run("eval", "--flow", path)
    assert result.exit_code == 3
    assert "flow 1: the boundary refuses it by itself: SCHEMA_VIOLATION: " in result.output
    told = json.loads(run("eval", "--flow", path, "--json").output)
    assert (told["flow"], told["refused"]["code"]) == (1, "SCHEMA_VIOLATION")
    assert told["refused"]["message"]


def test_eval_of_what_is_whole_and_allowed_is_0(tmp_path: Path) -> None:
    """And what the recording doesn't have of an answer is said."""
    path = recorded(tmp_path / "one.mitm", chat(reply={"content": "Hello."}))
    assert run("eval", "--flow", path).exit_code == 0
    result = run("eval", "--flow", recorded(tmp_path / "half.mitm", chat()))
    assert "1 answers aren't in the recording" in result.output
    assert result.exit_code == 3


def test_eval_of_a_recording_without_calls_allows_nothing(tmp_path: Path) -> None:
    """An empty file, and one of other traffic."""
    result = run("eval", "--flow", recorded(tmp_path / "none.mitm"))
    assert result.output == f"{tmp_path / 'none.mitm'}: has no calls that are judged\n"
    assert result.exit_code == 3
    path = recorded(tmp_path / "page.mitm", tflow.tflow())
    assert (
        "has no calls that are judged, 1 to other hosts or paths"
        in run("eval", "--flow", path).output
    )
    told = run("eval", "--flow", path, "--json")
    assert json.loads(told.output) == {"calls": 0, "other": 1}
    assert told.exit_code == 3
