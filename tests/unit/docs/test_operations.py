"""The page about operations: each row of its table of failures names a test that there is."""

from __future__ import annotations

import ast
import re

import pytest

from helm_boundary.proxy.balancers import HEADER_SECONDS
from helm_boundary.proxy.shutdown import DRAIN_SECONDS
from helm_boundary.runtime.disk_space import LEAST, SHARE
from helm_boundary.runtime.observation import LONGEST
from helm_boundary.runtime.options import OPTIONS
from helm_boundary.runtime.processes import backoff, supervisor
from support.boundary import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
TEXT = " ".join(PAGE.split())


def every_test() -> set[str]:
    """Return the names of all tests."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize(
    ("begins", "ends", "least"),
    [("## When something fails", "\n## ", 16), ("**What a failure does.**", "**Replicas.**", 14)],
    ids=["one machine", "a fleet"],
)
def test_each_row_of_the_failures_is_held_by_a_test(begins: str, ends: str, least: int) -> None:
    """By its name, in the last column."""
    table = PAGE.partition(begins)[2].partition(ends)[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= least
    named = [re.findall(r"`(test_\w+)` \|$", row) for row in rows]
    assert all(len(each) == 1 for each in named)
    assert {name for [name] in named} - every_test() == set()


def test_figures_on_the_page_are_those_of_the_code() -> None:
    """Seconds of a stop and of a header, the pauses before a restart, what is too little room."""
    assert f"up to {DRAIN_SECONDS:.0f} seconds" in TEXT
    assert (HEADER_SECONDS, "within five seconds" in TEXT) == (5, True)
    assert f"after {backoff.FIRST:g} seconds" in TEXT
    assert f"up to {backoff.MOST:.0f}." in TEXT
    assert (supervisor.FAILED_STARTS, "five starts in a row have failed" in TEXT) == (5, True)
    assert (SHARE, LEAST, "a tenth of the disk or 1 GB" in TEXT) == (0.1, 1 << 30, True)
    assert (LONGEST, "at most a day" in TEXT) == (24 * 3600, True)
    [deadline] = [row[2] for row in OPTIONS if row[0] == "helm_deadline_ms"]
    assert f"`helm_deadline_ms` ({deadline} ms)" in TEXT
