"""What became of each test of a suite, from the files that test runners write."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

Fate = Literal["passed", "failed", "skipped"]
type Results = Mapping[str, Fate]
"""The fate of every test, by its name."""

_JEST: dict[str, Fate] = {"passed": "passed", "failed": "failed"}
"""What Jest calls otherwise (pending, todo, disabled) was skipped."""


class UnreadableResults(Exception):
    """A file of results that isn't there, or isn't what its runner writes."""


def read_junit(file: Path) -> Results:
    """Read what pytest writes with --junitxml.

    Raises:
        UnreadableResults: it has written no such file.
    """
    try:
        # The file is what a program that we started has written.
        cases = ET.fromstring(file.read_bytes()).iter("testcase")  # noqa: S314
    except (OSError, ET.ParseError) as error:
        raise UnreadableResults(f"expected pytest's results in {file}: {error}") from error
    return by_name((_name(case), _fate(case)) for case in cases)


def read_jest(file: Path, checkout: Path) -> Results:
    """Read what Jest writes with --json; its files are named from the checkout on.

    Raises:
        UnreadableResults: it has written no such file.
    """
    try:
        told = json.loads(file.read_bytes())
        return by_name(_of_jest(told, checkout))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableResults(f"expected Jest's results in {file}: {error!r}") from error


def by_name(fates: Iterable[tuple[str, Fate]]) -> Results:
    """Return fates by name; where a suite gives a name twice, the second gets a number."""
    seen: Counter[str] = Counter()
    results: dict[str, Fate] = {}
    for name, fate in fates:
        seen[name] += 1
        results[name if seen[name] == 1 else f"{name} #{seen[name]}"] = fate
    return results


def counts(results: Results) -> tuple[int, int, int]:
    """Return how many tests passed, failed and were skipped."""
    found = Counter(results.values())
    return found["passed"], found["failed"], found["skipped"]


def lost(direct: Results, through: Results) -> list[str]:
    """List the tests that passed directly and don't pass through a proxy."""
    passed = (name for name, fate in direct.items() if fate == "passed")
    return [name for name in passed if through.get(name) != "passed"]


def _name(case: ET.Element) -> str:
    return f"{case.get('classname', '')}::{case.get('name', '')}"


def _fate(case: ET.Element) -> Fate:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def _of_jest(told: Any, checkout: Path) -> Iterator[tuple[str, Fate]]:
    """Yield each test's fate; a file that didn't run at all is one test that failed."""
    for file in told["testResults"]:
        name = Path(file["name"])
        name = name.relative_to(checkout) if name.is_relative_to(checkout) else name
        tests = file["assertionResults"]
        if not tests and file["status"] == "failed":
            yield str(name), "failed"
        for test in tests:
            yield f"{name}: {test['fullName']}", _JEST.get(test["status"], "skipped")
