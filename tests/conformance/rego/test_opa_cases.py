"""OPA's own 2,067 cases on the embedded engine, extensions included.

Failing loudly is a DENY for us. What counts is that no value is wrong but those we know of, each
with what keeps it out of a policy (known_differences.json).
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.policy.engines.worker_process import worker_environment

HERE = Path(__file__).parent
CASES = HERE.parents[3] / "shared" / "vectors" / "rego" / "opa-v1-cases.jsonl.gz"
KNOWN = json.loads((HERE / "known_differences.json").read_bytes())
SILENT = ("wrong", "no_error", "panic", "crash")

pytestmark = pytest.mark.skipif(not CASES.exists(), reason=f"{CASES} is not there")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """Run all cases; one that takes its process down is a crash, and the others go on."""
    with gzip.open(CASES) as lines:
        cases = [json.loads(line) for line in lines]
    found: dict[str, str] = {}
    while len(found) < len(cases):
        found |= _run(cases[len(found) :])
    return found


def _run(cases: Sequence[dict[str, Any]]) -> dict[str, str]:
    lines = "\n".join(json.dumps(case) for case in cases)
    done = subprocess.run(
        [sys.executable, str(HERE / "opa_cases.py")],
        input=lines,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=worker_environment(),
        text=True,
        timeout=120,
        check=False,
    )
    found = {name: outcome for name, outcome, _ in map(json.loads, done.stdout.splitlines())}
    if len(found) < len(cases):
        found[cases[len(found)]["id"]] = "crash"
    return found


def test_all_cases_ran(outcomes: dict[str, str]) -> None:
    """None is left out, and three in four pass (nearly all of the rest is what we lack)."""
    counts = Counter(outcomes.values())
    print(f"\n{dict(counts)} of {len(outcomes)}")
    assert len(outcomes) == 2067
    assert counts["pass"] >= 1620


@pytest.mark.parametrize("kind", SILENT)
def test_only_known_differences_occur(outcomes: dict[str, str], kind: str) -> None:
    """A new one fails this test; so does one that is gone, so that the list stays true."""
    found = {name for name, outcome in outcomes.items() if outcome == kind}
    assert found == set(KNOWN.get(kind, {}))
