"""A policy judged by both engines: what they decide differently is found, and shown small."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from helm_boundary.policy.authoring import second_opinion
from helm_boundary.policy.authoring.check import check_policy
from helm_boundary.policy.authoring.second_opinion import ask_both, generated
from helm_boundary.policy.authoring.shrinking import shrink
from helm_boundary.policy.authoring.test_runner import run_tests
from helm_boundary.policy.authoring.words import words_of
from helm_boundary.policy.engines.opa_process import OpaProcess
from helm_boundary.policy.engines.opa_program import OpaProgram, find_opa
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.policy import read_policy
from support.sampling import every
from support.verifiers import opa

SCHEMA = json.loads((default_policy_folder() / "input.schema.json").read_bytes())
RULE = """package helm.rules.mine

deny contains {{
	"rule": "mine.rule",
	"code": "POLICY_VIOLATION",
	"message": "No.",
	"finality": "instance_parameter",
}} if {{
	{condition}
}}
"""


@pytest.fixture(scope="module")
def program() -> OpaProgram:
    found = find_opa(Path(opa()))
    assert found is not None
    return found


def policy_of(folder: Path, condition: str) -> Path:
    (folder / "mine").mkdir()
    (folder / "mine" / "mine.rego").write_text(RULE.format(condition=condition))
    return folder


def test_the_shipped_policy_is_judged_alike(program: OpaProgram) -> None:
    """Each sample and each generated document, of which some are allowed and some aren't."""
    judged: list[int] = []
    opinion = ask_both(read_policy([]), program, progress=lambda done, of: judged.append(of - done))
    assert opinion.difference is None
    assert opinion.judged == len(judged) == 406
    assert judged[-1] == 0


@pytest.mark.parametrize(
    "condition",
    every(
        2,
        [
            'contains(json.marshal(input.parameters), ".0")',  # whole numbers written as floats
            'startswith(input.parameters.user, "x")',  # a number ends the evaluation here
            'sum([0.1, 0.2]) == 0.3; input.mode == "observe"',  # in decimals there, in binary here
        ],
    ),
)
def test_a_difference_is_shown_with_a_small_document(
    tmp_path: Path, program: OpaProgram, condition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is valid, still shows the difference, and has next to nothing that isn't required."""
    monkeypatch.setattr(second_opinion, "SHRINK_SECONDS", 60.0)  # the machine may be busy
    report = check_policy([policy_of(tmp_path, condition)], opa=program)
    assert report.opinion is not None
    assert report.opinion.difference is not None
    document = report.opinion.difference.document
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert report.opinion.difference.here != report.opinion.difference.in_opa
    assert len(json.dumps(document)) < 1_000
    assert document["messages"] == document["texts"] == document["findings"] == []
    errors = [found.message for found in report.found if found.level == "error"]
    assert len(errors) == 1
    assert "OPA 1." in errors[0]
    assert json.dumps(document, ensure_ascii=False) in errors[0]
    assert report.opinion.difference.fails_here == ("startswith" in condition)
    assert ("test it before, as in is_string(x)" in errors[0]) == ("startswith" in condition)


def test_a_rule_that_agrees_has_no_difference(tmp_path: Path, program: OpaProgram) -> None:
    """What is known to differ is found at load, or done as OPA does it."""
    condition = 'some text in input.texts; upper(text.text) == "SS"'
    report = check_policy([policy_of(tmp_path, condition)], opa=program)
    assert report.sound
    assert report.opinion is not None


def test_generated_documents_are_valid_and_speak_the_policys_words(tmp_path: Path) -> None:
    """The same ones each time."""
    folder = policy_of(tmp_path, 'input.parameters.colour == "mauve"; input.parameters.n > 4711')
    documents = list(generated(read_policy([folder]), 300))
    for document in documents:
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert documents == list(generated(read_policy([folder]), 300))
    text = json.dumps(documents)
    assert all(word in text for word in ('"mauve"', '"colour"', "4711", "4712"))


def test_words_are_literals_and_names() -> None:
    """Not what stands in comments."""
    text = '# "no" 5\nv if input.a.b == `raw` # 6\nw := ["x\\ty", 1.5, 20]\n'
    words = words_of([text], {"list": ["said", 7]})
    assert words.strings == ("raw", "x\ty")
    assert words.numbers == (1.5, 20, 7)
    assert words.names == ("a", "b")
    assert set(words.settings) == {"list", "said"}


def test_generated_documents_have_what_rules_read_of_a_body(tmp_path: Path) -> None:
    """As deep as it is."""
    folder = policy_of(tmp_path, 'input.body.spec.containers[_]["image"] == "x:latest"')
    bodies = [document["body"] for document in generated(read_policy([folder]), 300)]
    found = [
        container["image"]
        for body in bodies
        if isinstance(body, dict) and isinstance(body.get("spec"), dict)
        for container in (body["spec"].get("containers") or [])
        if isinstance(container, dict) and "image" in container
    ]
    assert len(found) > 50
    assert "x:latest" in found


def test_shrinking_ends_with_what_can_not_be_left_out() -> None:
    """Members, items and letters go, unless they are needed."""
    document = {"a": [1, 2, {"b": "some needle here"}], "c": 5, "d": {"e": [7]}}
    smallest = shrink(document, lambda small: "needle" in json.dumps(small.get("a", "")))
    assert smallest in ({"a": "needle"}, {"a": [{"b": "needle"}]})


def test_a_test_that_ends_otherwise_in_opa_is_no_pass(tmp_path: Path, program: OpaProgram) -> None:
    """The engine doesn't know how a number was written."""
    folder = policy_of(tmp_path, 'input.model == "cat"')
    test = 'package mine_test\n\ntest_a if true\n\ntest_b if json.marshal(1.0) == "1"\n'
    (folder / "mine" / "mine_test.rego").write_text(test)
    run = run_tests([folder], opa=program)
    assert run.differences == ["data.mine_test.test_b passed here, and in OPA it failed"]
    assert not run.passed
    assert run_tests([folder]).passed
    assert run_tests([folder], only="test_a", opa=program).passed


def test_tests_that_opa_refuses_are_no_pass(tmp_path: Path, program: OpaProgram) -> None:
    """OPA's words have the policy's own files."""
    folder = policy_of(tmp_path, 'input.model == "cat"')
    test = 'package mine_test\n\ntest_a if true\n\ntest_b if "a" + 1 == 2\n'
    (folder / "mine" / "mine_test.rego").write_text(test)
    [difference] = run_tests([folder], opa=program).differences
    assert "mine_test.rego:5: rego_type_error" in difference


def test_a_policy_that_reaches_out_is_refused(program: OpaProgram) -> None:
    """Before anything of it is evaluated."""
    text = 'package a\n\nb := http.send({"method": "GET", "url": "http://127.0.0.1:9/"})\n'
    with pytest.raises(PolicyError, match=r"/own/a.rego:3: undefined function http.send"):
        OpaProcess(program, {"/own/a.rego": text}, "{}")


@pytest.fixture
def process(program: OpaProgram) -> Iterator[OpaProcess]:
    running = OpaProcess(program, {"a.rego": "package a\n\nb := 1\n"}, "{}")
    running.wait_until_ready()
    yield running
    running.kill()


@pytest.mark.parametrize(
    ("method", "path", "knows", "status"),
    [
        ("GET", "/v1/data/a", True, 200),
        ("GET", "/v1/data/a", False, 401),
        ("PUT", "/v1/policies/x", True, 401),
        ("PUT", "/v1/data/a", True, 401),
        ("GET", "/v1/policies", True, 401),
    ],
)
def test_nobody_else_asks_or_changes_it(
    process: OpaProcess, method: str, path: str, knows: bool, status: int
) -> None:
    """Other programs of the same user find the socket, and get nothing from it."""
    connection = process.connect(5)
    connection.request(method, path, b"{}", process.fields if knows else {})
    assert connection.getresponse().status == status
    connection.close()


START = """
import sys
from pathlib import Path
from helm_boundary.policy.engines.opa_process import OpaProcess
from helm_boundary.policy.engines.opa_program import find_opa

process = OpaProcess(find_opa(Path(sys.argv[1])), {"a.rego": "package a"}, "{}")
process.wait_until_ready()
print(process.pid, process._folder, flush=True)
sys.stdin.read()
"""


def test_it_ends_with_whoever_started_it(program: OpaProgram) -> None:
    """Even one that is killed."""
    starter = subprocess.Popen(
        [sys.executable, "-c", START, program.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert starter.stdout is not None
    assert starter.stdin is not None
    pid, folder = starter.stdout.readline().decode().split()
    group = int(pid)
    assert Path(folder).is_dir()
    os.killpg(group, 0)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdin.close()
    starter.stdout.close()
    until = time.monotonic() + 10
    while (_is_there(group) or Path(folder).exists()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _is_there(group)
    assert not Path(folder).exists()


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
