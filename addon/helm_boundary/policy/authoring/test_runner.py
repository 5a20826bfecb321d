"""The run of a policy's own tests: rules named ``test_…`` in ``*_test.rego``, as OPA runs them.

Those named ``todo_test_…`` are still to be written, and skipped.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helm_boundary.policy.engines.worker_process import worker_environment
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.folder import Part, read_part
from helm_boundary.policy.sources.policy import read_policy
from helm_receipts.storage import isolated

if TYPE_CHECKING:
    from helm_boundary.policy.engines.opa_program import OpaProgram

TEST = re.compile(r"^(test_\w+)", re.MULTILINE)
TODO = re.compile(r"^(todo_test_\w+)", re.MULTILINE)
SECONDS = 30.0  # for all tests of a run that make no progress


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one test; ``message`` says why it failed, ``prints`` what print() printed."""

    name: str
    passed: bool
    message: str | None
    prints: tuple[str, ...]
    seconds: float
    skipped: bool = False

    @property
    def end(self) -> str:
        """How it ended: passed, failed or skipped."""
        return "skipped" if self.skipped else "passed" if self.passed else "failed"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Lines of one module that tests ran, and lines that none did."""

    file: str
    covered: tuple[int, ...]
    missed: tuple[int, ...]


@dataclass(slots=True)
class Run:
    """A run of all tests of some folders; ``differences`` says which end otherwise in OPA."""

    results: list[Result] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether there were tests, all of them passed, and in OPA as well where it was asked."""
        ran = [result.passed for result in self.results if not result.skipped]
        return bool(ran) and all(ran) and not self.differences


def run_tests(
    folders: Sequence[Path],
    *,
    only: str = "",
    seconds: float = SECONDS,
    opa: OpaProgram | None = None,
    key: Path | None = None,
) -> Run:
    """Run the tests in the folders (their rules over the default policy's), in ``opa`` too.

    ``only`` is a regular expression that a test's name must match somewhere. A test that crashes
    the engine or doesn't end fails. PolicyError when policy and tests can't be compiled.
    """
    plan, parts = _read(folders, key)
    waiting = list(_named(TEST, parts, only))
    todo = [Result(name, False, None, (), 0.0, skipped=True) for name in _named(TODO, parts, only)]
    run = Run(todo)
    while waiting:
        done = _run_some(run, plan | {"tests": waiting, "coverage": True}, seconds)
        waiting = waiting[done:]
    mine = {file for folder in folders for file in read_part(folder, key=key).modules}
    run.coverage = [found for found in run.coverage if found.file in mine]
    if opa is not None and run.results:
        from .opa_check import run_in_opa

        try:
            run.differences = list(_differences(run.results, run_in_opa(opa, folders, key=key)))
        except PolicyError as error:
            run.differences = list(error.problems)
    return run


def _named(kind: re.Pattern[str], parts: Sequence[Part], only: str) -> Iterator[str]:
    for part in parts:
        for file, text in part.modules.items():
            for name in dict.fromkeys(kind.findall(text)):
                if re.search(only, f"{part.packages[file]}.{name}"):
                    yield f"data.{part.packages[file]}.{name}"


def _differences(results: Sequence[Result], in_opa: Mapping[str, str]) -> Iterator[str]:
    for result in results:
        here, there = result.end, in_opa.get(result.name)
        if there != here:
            yield f"{result.name} {here} here, and in OPA it {there or 'is no test'}"


def check_tests(
    folders: Sequence[Path], *, key: Path | None = None, seconds: float = SECONDS
) -> Sequence[str]:
    """Return what is wrong with the tests in the folders (or bundles), without a run."""
    plan, parts = _read(folders, key)
    if not any(part.modules for part in parts):
        return ()
    _, lines = _process(plan | {"tests": [], "coverage": False}, seconds)
    return [problem for line in lines for problem in line.get("refused", ())]


def _read(folders: Sequence[Path], key: Path | None) -> tuple[dict[str, Any], Sequence[Part]]:
    policy = read_policy(folders, key=key)
    parts = [read_part(folder, tests=True, key=key) for folder in folders]
    tests = {file: text for part in parts for file, text in part.modules.items()}
    modules = {**policy.modules, **tests}
    return {"modules": modules, "data": json.dumps(policy.data), "files": list(tests)}, parts


def _run_some(run: Run, plan: Mapping[str, Any], seconds: float) -> int:
    """Run tests until they are done or one crashes the process; return how many were run."""
    tests = plan["tests"]
    done = 0
    how, lines = _process(plan, seconds)
    for line in lines:
        if "refused" in line:
            raise PolicyError(*line["refused"])
        if "coverage" in line:
            run.coverage = [
                Coverage(item["path"], tuple(item["covered"]), tuple(item["not_covered"]))
                for item in line["coverage"]
            ]
            continue
        prints = tuple(line["prints"])
        run.results.append(
            Result(line["test"], line["passed"], line["message"], prints, line["seconds"])
        )
        done += 1
    if done < len(tests):
        run.results.append(Result(tests[done], False, how, (), 0.0))
        done += 1
    return done


def _process(plan: Mapping[str, Any], seconds: float) -> tuple[str, Iterator[Any]]:
    try:
        ended = subprocess.run(
            isolated.run_module("helm_boundary.policy.authoring.test_worker"),
            input=json.dumps(plan).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=worker_environment(),
            timeout=seconds,
            check=False,
        )
        output, how = ended.stdout, f"the engine ended with exit code {ended.returncode}"
    except subprocess.TimeoutExpired as error:
        output, how = error.stdout or b"", f"did not end within {seconds:.0f} seconds"
    return how, (json.loads(line) for line in output.splitlines() if line.endswith(b"}"))
