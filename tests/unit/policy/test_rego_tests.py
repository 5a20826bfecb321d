"""Every test rule of the shipped policy passes, in our engine and in OPA alike."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from helm_boundary.policy.engines.evaluator import Evaluator
from helm_boundary.policy.errors import EngineError
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.folder import read_part
from helm_boundary.policy.sources.metadata import read_metadata
from helm_boundary.policy.sources.policy import read_policy
from support.verifiers import opa

FOLDER = default_policy_folder()
TESTS = read_part(FOLDER, tests=True)
NAMES = sorted(
    f"data.{TESTS.packages[file]}.{name}"
    for file, text in TESTS.modules.items()
    for name in re.findall(r"^(test_\w+)", text, re.MULTILINE)
)


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    policy = read_policy([])
    return Evaluator({**policy.modules, **TESTS.modules}, json.dumps(policy.data))


def test_there_are_tests() -> None:
    """The list below isn't empty because a pattern went wrong."""
    assert len(NAMES) > 50


@pytest.mark.parametrize("name", NAMES)
def test_every_test_rule_passes_in_our_engine(evaluator: Evaluator, name: str) -> None:
    """The rule is true."""
    try:
        answer = evaluator.evaluate(name, b"null")
    except EngineError as error:
        pytest.fail(str(error))
    assert answer == b"true"


def test_every_module_has_its_tests_beside_it() -> None:
    """No module without a _test.rego of its name."""
    modules = {Path(name).with_suffix("") for name in read_part(FOLDER).names.values()}
    tests = {Path(name[: -len("_test.rego")]) for name in TESTS.names.values()}
    assert modules <= tests


@pytest.mark.parametrize(
    "arguments",
    [["check", "--strict"], ["test"], ["fmt", "--list", "--fail"]],
    ids=["check", "test", "fmt"],
)
def test_opas_tools_accept_the_policy(arguments: list[str]) -> None:
    """OPA's own tools take the folder as it is."""
    done = subprocess.run(
        [opa(), *arguments, str(FOLDER)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("regal") is None, reason="Regal 0.42 isn't on PATH")
def test_regal_finds_no_problem() -> None:
    """Rego's linter passes, with the rules that .regal/config.yaml means."""
    done = subprocess.run(
        ["regal", "lint", str(FOLDER)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_table_of_rules_is_current() -> None:
    """The folder's README has a row for each rule, with what its METADATA says."""
    part = read_part(FOLDER)
    rows = (FOLDER / "README.md").read_text().splitlines()
    expected = []
    for file, text in part.modules.items():
        lines = text.split("\n")
        for line, block in sorted(read_metadata(text, file).items()):
            written = lines[line - 1].split()[0]
            for rule in block.ids:
                says = [
                    block.title,
                    part.data["rules"].get(rule, written),
                    f"`{block.custom['code']}`",
                ]
                says += [block.custom["finality"], block.custom["severity"]]
                expected.append(f"| `{rule}` | {' | '.join(map(str, says))} |")
    named = [row for row in rows if re.match(r"\| `[a-z]+\.[a-z_]+` \|", row)]
    assert named == expected
