"""Policies that fail: at start they are refused, at run time they are a DENY, never a yes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.boundary import Boundary, StartFailed
from support.sampling import every
from support.scene import Answer, Scene, assert_refusal, assert_refused, assert_works, scene
from support.upstream import ToolCall, Turn, reply_to_chat

FAILING = [
    *("undefined", "conflicting", "wrong-type", "malformed", "endless", "unstable", "misfit"),
    "unreadable",
]


@pytest.mark.parametrize("model", FAILING)
def test_a_request_without_a_decision_is_denied(stage: Scene, model: str) -> None:
    """Undefined, contradictory, of the wrong type, endless, or a rewrite that doesn't work."""
    start = time.monotonic()
    with stage.untouched():
        answer = stage.chat(model=model)
    assert time.monotonic() - start < 3
    assert_refused(stage, answer, "PDP_ERROR")


@pytest.mark.parametrize("word", ["wordless", "boundless"])
@pytest.mark.parametrize("way", ["whole", "stream", "buffered", "tool calls in a stream"])
def test_a_response_without_a_decision_is_denied(stage: Scene, word: str, way: str) -> None:
    """Of a whole response nothing leaves; of a stream, not its tool calls."""
    calls = (ToolCall("search", f'{{"q": "{word}"}}'),) if way.startswith("tool") else ()
    turn = Turn("" if calls else f"this is {word}", calls)
    stage.upstream.answer(lambda request: reply_to_chat(request, turn))
    model = "buffered" if way == "buffered" else "ordinary"
    answer = stage.chat(model=model, stream=way != "whole")
    _, outcome = stage.records(answer.correlation)
    assert outcome["reasons"][0]["code"] == "PDP_ERROR"
    assert outcome["verdict"] == "DENY"
    if way == "stream":
        assert outcome["enforcement"] == "observed"
    else:
        assert word.encode() not in answer.body
        assert b"search" not in answer.body
        assert b"PDP_ERROR" in answer.body
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_a_rewrite_of_a_running_stream_is_denied(stage: Scene) -> None:
    """A policy that wants to cut a running stream can't, so the tool calls don't leave."""
    turn = Turn("this is personal", (ToolCall("search"),))
    stage.upstream.answer(lambda request: reply_to_chat(request, turn))
    answer = stage.chat(stream=True)
    assert b"search" not in answer.body
    assert answer.events[-1]["error"]["code"] == "PDP_ERROR"
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_ordinary_calls_are_answered_despite_a_runaway_policy(stage: Scene) -> None:
    """While an endless call runs into its deadline, ordinary ones wait, and are answered."""
    found: list[Answer] = []
    endless = threading.Thread(target=lambda: found.append(stage.chat(model="endless")))
    endless.start()
    time.sleep(0.05)
    answers = [stage.chat() for _ in range(3)]
    endless.join()
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert_refusal(found[0], "PDP_ERROR")


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def workers_of(pid: int) -> list[int]:
    """Return the child processes that evaluate policy."""
    program = b"helm_boundary.policy.engines.worker_main"
    return [one for one in children(pid) if program in Path(f"/proc/{one}/cmdline").read_bytes()]


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary whose policy may take ten seconds."""
    options = {"helm_deadline_ms": 10_000}
    with scene(tmp_path_factory.mktemp("patient"), options=options) as stage:
        yield stage


def test_a_worker_that_dies_during_a_call_fails_only_that_call(patient: Scene) -> None:
    """Killed while it evaluates: DENY with PDP_ERROR, and the next call works."""
    found: list[Answer] = []
    with patient.untouched():
        call = threading.Thread(target=lambda: found.append(patient.chat(model="endless")))
        call.start()
        time.sleep(0.3)
        for worker in workers_of(patient.boundary.pid):
            os.kill(worker, signal.SIGKILL)
        call.join()
    assert_refused(patient, found[0], "PDP_ERROR")


def test_a_worker_that_dies_between_calls_is_replaced(patient: Scene) -> None:
    """Nobody notices, or one call is denied; the one after works."""
    for worker in workers_of(patient.boundary.pid):
        os.kill(worker, signal.SIGKILL)
    assert patient.chat().status in (200, 403)
    assert_works(patient)


def test_a_stopped_worker_is_a_denial_within_the_deadline(stage: Scene) -> None:
    """Stopped, so that it neither answers nor dies."""
    assert_works(stage)
    time.sleep(2)  # a worker that still starts has longer than a call
    stopped = workers_of(stage.boundary.pid)
    for worker in stopped:
        os.kill(worker, signal.SIGSTOP)
    with stage.untouched():
        assert_refusal(stage.chat(), "PDP_ERROR")
    for _ in stopped[1:]:
        stage.chat()  # each of the others is found out by one call, if one comes to it
    assert_works(stage)


def test_no_process_outlives_a_killed_boundary(tmp_path: Path) -> None:
    """SIGKILL for mitmdump: its workers and what integrates its log end by themselves."""
    boundary = Boundary(state=tmp_path)
    boundary.start()
    deadline = time.monotonic() + 30
    while len(started := children(boundary.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(started) >= 3  # two workers at least, and the integrator
    os.kill(boundary.pid, signal.SIGKILL)
    while any(is_alive(one) for one in started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [one for one in started if is_alive(one)]
    boundary.kill()


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


GOOD = 'package helm\n\ndecision := {"verdict": "ALLOW", "reasons": []}\n'
UNUSABLE: dict[str, tuple[dict[str, str], str]] = {
    "empty folder": ({}, "holds no policy"),
    "syntax error": ({"main.rego": "package helm\n\ndecision := {\n"}, "main.rego:"),
    "no package": ({"main.rego": "\n\ndecision := 1\n"}, "main.rego:3"),
    "empty file": ({"main.rego": ""}, "main.rego:1"),
    "undefined": ({"main.rego": "package helm\n\ndecision := 1 if false\n"}, "no decision"),
    "wrong type": ({"main.rego": 'package helm\n\ndecision := "ALLOW"\n'}, "must be an object"),
    "unknown verdict": (
        {"main.rego": 'package helm\n\ndecision := {"verdict": "YES", "reasons": []}\n'},
        "verdict must be one of",
    ),
    "a denial without a reason": (
        {"main.rego": 'package helm\n\ndecision := {"verdict": "DENY", "reasons": []}\n'},
        "at least one reason",
    ),
    "raises": (
        {"main.rego": GOOD.replace("[]}", '[], "stream": x}') + "\nx := 1 / 0\n"},
        "main.rego",
    ),
    "contradicts itself": (
        {"main.rego": GOOD + '\ndecision := {"verdict": "DENY", "reasons": []}\n'},
        "main.rego",
    ),
    "loops for ever": (
        {
            "main.rego": GOOD.rstrip()
            + " if {\n\tcount([1 |\n\t\tsome a in numbers.range(1, 20000)\n"
            "\t\tsome b in numbers.range(1, 20000)\n\t\ta + b == 0\n\t]) == 0\n}\n"
        },
        "no decision",
    ),
    "calls itself": (
        {"main.rego": GOOD + "\na if b\n\nb if a\n"},
        "main.rego",
    ),
    "data over a package": (
        {"main.rego": GOOD, "data.yaml": "helm:\n  decision: {}\n"},
        "data.helm",
    ),
    "data that isn't YAML": ({"main.rego": GOOD, "data.yaml": "a: [\n"}, "data.yaml:"),
    "data with a key twice": ({"main.rego": GOOD, "data.yaml": "a: 1\na: 2\n"}, "data.yaml:"),
    "rules in the default's package": ({"x.rego": "package helm\n\nx := 1\n"}, "x.rego"),
    "a broken detector": (
        {"main.rego": GOOD, "detectors.yaml": "detectors:\n  - name: a\n    pattern: '('\n"},
        "detector",
    ),
    "a call to something that isn't there": (
        {"main.rego": GOOD + "\nx := nothing.of_that_name(1)\n"},
        "main.rego:5",
    ),
    "the network": (
        {"main.rego": GOOD + '\nx := http.send({"method": "get", "url": "http://example.com"})\n'},
        "main.rego:5",
    ),
    # What the engine would read otherwise than OPA, without a word.
    "an index of any team in place of one": (
        {
            "main.rego": "package helm\n\nteams := {`red`: `ALLOW`}\n\n"
            "verdict := teams[team] if {\n\tteam := input.client.principal\n} else := `DENY`\n\n"
            'decision := {"verdict": verdict, "reasons": []}\n'
        },
        "main.rego:5: the engine takes the index team",
    ),
    "a limit that holds for what isn't there": (
        {
            "main.rego": GOOD.rstrip()
            + " if {\n\tnot input.parameters.max_output_tokens > 1000\n}\n"
        },
        "main.rego:4: input.parameters.max_output_tokens may be undefined",
    ),
    "a list that denies what isn't there": (
        {"main.rego": GOOD + "\nlisted := input.parameters.user in [`me`]\n"},
        "main.rego:5: input.parameters.user may be undefined",
    ),
    "a function's value that may be missing": (
        {
            "main.rego": GOOD
            + "\nw := role(input.parameters)\n\nrole(of) := of.role if { of } else := `none`\n"
        },
        "main.rego:7: of.role may be undefined",
    ),
    "a function in two files": (
        {
            "main.rego": GOOD + "\nrisky(tool) if tool == `a`\n",
            "more.rego": "package helm\n\nrisky(tool) if tool == `b`\n",
        },
        "more.rego:3: the function risky is defined in",
    ),
    "else without its value": (
        {"main.rego": GOOD + "\nrisky(t) := true if t == `a`\nelse if t == `b`\n"},
        "main.rego:5: the engine takes an else without a value for undefined",
    ),
    "a format in a schema": (
        {
            "main.rego": GOOD
            + "\nok if json.match_schema(input.parameters, {`format`: `email`})[0]\n"
        },
        "main.rego:5: ",
    ),
}


@pytest.mark.parametrize("name", every(4, UNUSABLE))
def test_an_unusable_policy_prevents_the_start(tmp_path: Path, name: str) -> None:
    """Exit code 1 and one clear line that says where; no traceback."""
    files, expected = UNUSABLE[name]
    folder = tmp_path / "policy"
    folder.mkdir()
    for file, text in files.items():
        (folder / file).write_text(text)
    assert_refuses(Boundary(state=tmp_path, policy=folder), expected)


OWN_IMPORT = """package helm

import data.helm

words contains text.pointer if {
	some text in input.texts
	contains(text.text, "project x")
}

decision := {"verdict": "DENY", "reasons": [{
	"rule": "words", "code": "POLICY_VIOLATION",
	"message": sprintf("%d words.", [count(helm.words)]), "finality": "instance_parameter",
}]} if {
	count(helm.words) > 0
} else := {"verdict": "ALLOW", "reasons": []}
"""


def test_a_package_that_imports_itself_finds_its_own_rules(tmp_path: Path) -> None:
    """As in OPA; the engine alone finds nothing there, and would allow what it should deny."""
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "main.rego").write_text(OWN_IMPORT)
    with scene(tmp_path, policy=tmp_path / "words") as stage:
        assert_works(stage)
        with stage.untouched():
            answer = stage.chat(messages=[{"role": "user", "content": "of project x"}])
        assert_refused(stage, answer, "POLICY_VIOLATION")
        assert b"1 words." in answer.body


def test_a_missing_policy_folder_prevents_the_start(tmp_path: Path) -> None:
    """Missing, or a file."""
    assert_refuses(Boundary(state=tmp_path, policy=tmp_path / "absent"), "absent")
    (tmp_path / "file").write_text(GOOD)
    assert_refuses(Boundary(state=tmp_path, policy=tmp_path / "file"), "expected a folder")


def assert_refuses(boundary: Boundary, expected: str) -> None:
    """Assert a refusal to start that says what is expected."""
    with pytest.raises(StartFailed) as failed:
        boundary.start()
    said: Any = [line for line in failed.value.log.splitlines() if "can't be used" in line]
    assert failed.value.exit_code == 1, failed.value.log
    assert said, failed.value.log
    assert expected in failed.value.log
    assert "Traceback" not in failed.value.log
