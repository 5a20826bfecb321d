"""What no rule looks into stays empty, and whatever might be a look counts as one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.policy.engines.candidate import WithCandidate
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.reload.watch import load_aside
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.policy import Policy, read_policy
from helm_boundary.policy.sources.unread_members import LONG, reads_all, unread_members

ALL = [
    "count(walk(input)) > 0",
    "some name, value in input",
    "input[name] == 1",
    'input[sprintf("%s", ["body"])]',
    'input["\\u0062ody"] == 1',
    "input[`body`] == 1",
    'object.get(input, "mess" + "ages", [])',
    "helper(input)",
    "json.marshal(input) == x",
    "x := input",
    "x := {input | true}",
    "input[\n\tname\n]",
    "input\n\t.messages == x",
    'x := input\n["model"] == y',
    "data.helm.f with input as input",
    'x := $"{input}"',
    "x := $`{input}`",
    'y := "#"; x := input',
    'y := "\\"#"; x := input',
    "y := `#\n#`; x := input",
    "# a comment\rx := input",
    "import input",
    'object.get(input, name, "")',
    'object.get(input, ["messages", 0], "") == input',
    'import data.own.object\n\nobject.get(input, "model", "")',
    'import data.own.it as object\n\nobject.get(input, "model", "")',
    'subobject.get(input, "model", "")',
    'data.object.get(input, "model", "")',
]


@pytest.mark.parametrize("code", ALL)
def test_a_rule_with_the_whole_document_may_read_everything(code: str) -> None:
    assert unread_members([f"package p\n\n{code}\n"]) == frozenset()


OF_ANSWERS = {each for each in LONG if each.startswith("response.")}
ANSWERS = {
    "input.response.texts[_].text == x": {"response.texts"},
    'input["response"]["texts"] == x': {"response.texts"},
    'x := input.response\n["model"] == y': OF_ANSWERS,
    "x := input.response": OF_ANSWERS,
    "some name, value in input.response": OF_ANSWERS,
    "input.response[name] == 1": OF_ANSWERS,
    'object.get(input.response, "texts", [])': OF_ANSWERS,
    "import input.response as answer": OF_ANSWERS,
    "input.response.model == x": set(),
    'object.get(input, ["response", "texts"], [])': OF_ANSWERS,
}


@pytest.mark.parametrize("code", ANSWERS)
def test_an_answers_members_are_read_like_a_calls(code: str) -> None:
    assert unread_members([f"package p\n\n{code}\n"]) == LONG - ANSWERS[code]


ONE = [
    "count(input.messages) > 3",
    'input["messages"] == x',
    "import input.messages as said",
    'object.get(input, "messages", [])',
    'object.get(input, ["messages", 0, "text"], "")',
    'y := "#"; x := input.messages',
    "x := data.f with input.messages as []",
    "# one\r\nx := input.messages",
    "input.messages == null; input.messages[0].role",
]


@pytest.mark.parametrize("code", ONE)
def test_a_member_that_is_named_is_read(code: str) -> None:
    assert unread_members([f"package p\n\n{code}\n"]) == LONG - {"messages"}


NONE = [
    "input.phase == `request`",
    'input["model"] == "gpt-4o"',
    "# of input, its messages and its body\n",
    "# METADATA\n# description: walks over input\n",
    "some reason in data.helm.other.deny with input as {`phase`: input.phase}",
    'x := {"input": call.input, "argument": "of the input"}',
    "message_body == input.operation.bodyless",
    "input.body != null",
    "input.body == null; input.texts != null",
    "startswith(finding.pointer, `/messages/`)",
    '"message": "input.messages holds texts"',
    "input.response.model == x; input.response.status == y",
    'document["messages"] == input.http.messages',
    "f(document) := document.messages",
]


@pytest.mark.parametrize("code", NONE)
def test_what_is_no_look_leaves_all_of_them_unread(code: str) -> None:
    assert unread_members([f"package p\n\n{code}\n"]) == LONG


def test_one_module_of_many_that_looks_is_enough() -> None:
    assert unread_members(["x := input.body", "x := input.texts"]) == LONG - {"body", "texts"}
    assert unread_members(["x := input.body", "x := input"]) == frozenset()


def test_the_default_policy_looks_into_no_conversation() -> None:
    unread = read_policy([default_policy_folder()]).unread
    assert unread == LONG - {"tools"}


def test_no_shipped_module_takes_the_whole_document() -> None:
    """Whatever is switched on: `policy check` would note it."""
    modules = read_policy([default_policy_folder()]).modules
    assert [file for file, text in modules.items() if reads_all(text)] == []


def _own(folder: Path, code: str) -> Policy:
    folder.mkdir()
    (folder / "own.rego").write_text(
        "package helm.rules.own\n\nimport rego.v1\n\n"
        'deny contains {"rule": "own", "code": "POLICY_VIOLATION", "message": "No.",'
        f' "finality": "class_forbidden"}} if {{\n\t{code}\n}}\n'
    )
    return read_policy([folder])


def test_a_policy_over_the_default_one_adds_what_it_reads(tmp_path: Path) -> None:
    own = _own(tmp_path / "own", 'input.messages[0].text == "no"')
    assert "messages" not in own.unread
    assert "body" in own.unread


def test_a_topic_that_is_switched_on_reads_what_it_names(tmp_path: Path) -> None:
    """`residency` looks into the body, and is asked where data names regions alone."""
    (tmp_path / "data.yaml").write_text("residency: {allow: [eu]}\n")
    before, after = read_policy([default_policy_folder()]), read_policy([tmp_path])
    assert ("body" in before.unread, "body" in after.unread) == (True, False)


def test_a_policy_that_is_read_while_running_has_the_same(tmp_path: Path) -> None:
    own = _own(tmp_path / "own", "count(input.messages) > 10")
    change = load_aside([tmp_path / "own"], deadline_ms=500, start=start_embedded, key=None)
    assert change is not None
    change.engine.close()
    assert change.engine.policy.unread == own.unread


def test_a_candidate_sees_what_it_reads(tmp_path: Path) -> None:
    """It judges the enforced policy's document."""
    enforced = start_embedded(read_policy([default_policy_folder()]), deadline_ms=500)
    other = start_embedded(_own(tmp_path / "own", "input.body.user == `no`"), deadline_ms=500)
    engine = WithCandidate(enforced, other)
    assert "messages" in engine.policy.unread
    assert "body" not in engine.policy.unread
    assert engine.policy.digest == enforced.policy.digest
    engine.close()


def _folders() -> list[list[Path]]:
    default = default_policy_folder()
    return [[default], *([each] for each in sorted((default / "profiles").iterdir()))]


def emptied(document: Mapping[str, Any], within: str, unread: frozenset[str]) -> dict[str, Any]:
    """Return a document whose unread members are empty."""
    less = {
        name: type(value)() if f"{within}{name}" in unread and value is not None else value
        for name, value in document.items()
    }
    if "response" in less:
        less["response"] = emptied(less["response"], "response.", unread)
    return less


@pytest.mark.parametrize("folders", _folders(), ids=lambda folders: folders[-1].name)
def test_what_is_left_empty_changes_no_decision(folders: list[Path]) -> None:
    """On every kind of call, by the shipped policy and by each of its profiles."""
    engine = start_embedded(policy := read_policy(folders), deadline_ms=2_000)
    for name, document in SAMPLES.items():
        less = emptied(document, "", policy.unread)
        decisions = [engine.decide_now(json.dumps(each).encode()) for each in (document, less)]
        assert decisions[0] == decisions[1], name
    engine.close()
