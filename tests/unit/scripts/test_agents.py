"""`scripts/agents`: its table says what the tests of the agents showed, whole or in parts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent_runs.__main__ import _command, as_objects, as_table, by_agent
from agent_runs.ledger import OPTION, read_ledger
from support.boundary import ROOT

LEDGER = """{"scene": "test_an_allowed_tool_runs[codex over HTTP-exec]", "state": "ok", "seconds": 9.5, "why": ""}
{"scene": "test_a_denied_model_is_never_asked[opencode-confined]", "state": "skipped", "seconds": 0.1, "why": "it refuses"}
{"scene": "test_an_agent_waits_for_a_person[claude code-exec-60-approve]", "state": "failed", "seconds": 61.0, "why": "no"}
{"scene": "test_an_agent_waits_for_a_person[claude code-confined-330-deny]", "state": "failed", "seconds": 331.0, "why": "no"}
{"scene": "test_an_agent_waits_for_a_person[claude code-exec-60-approve]", "state": "ok", "seconds": 62.0, "why": ""}
{"scene": "test_something_else[codex over HTTP]", "state": "ok", "seconds": 1.0, "why": ""}
{"scene": "test_an_allowed_tool_runs[codex ov"""  # noqa: E501 a line for each scene

TEST = """import time
import pytest

@pytest.mark.parametrize("name", ["good", "bad", "none"])
def test_it(name):
    if name == "none":
        pytest.skip("there is none")
    assert name == "good"

@pytest.fixture
def broken():
    yield
    raise RuntimeError("left behind")

def test_that(broken): ...
"""


def test_a_table_has_what_was_shown() -> None:
    """By agent and what it ran under; what wasn't run is empty, and the last of two runs counts."""
    shown = by_agent(read_ledger(LEDGER.splitlines()).values())
    states = {
        row: {name: each.state for name, each in cells.items()} for row, cells in shown.items()
    }
    assert states == {
        ("claude code", "exec"): {"yes after 60 s": "ok"},
        ("claude code", "exec --confine"): {"no after 330 s": "failed"},
        ("codex over HTTP", "exec"): {"allowed": "ok"},
        ("opencode", "exec --confine"): {"no model": "skipped"},
    }
    table = as_table(shown)
    assert table.row_count == 4
    assert [each.header for each in table.columns] == [
        "agent", "under", "allowed", "yes after 60 s", "no after 330 s", "no model",
    ]  # fmt: skip
    assert as_objects(shown)[0] == {
        "agent": "claude code",
        "under": "exec",
        "scenes": {"yes after 60 s": {"state": "ok", "seconds": 62.0, "why": ""}},
    }


def test_what_is_ok_is_not_run_again(tmp_path: Path) -> None:
    """What failed, was skipped or cut off is."""
    ledger = tmp_path / "ledger"
    ledger.write_text(LEDGER)
    left_out = [word for word in _command(ledger, False, "") if word.startswith("--deselect=")]
    assert len(left_out) == 3
    assert all("waits" in word or "allowed" in word or "else" in word for word in left_out)


@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["one process", "several"])
def test_a_ledger_has_a_line_for_each_scene(tmp_path: Path, more: tuple[str, ...]) -> None:
    """Once, whatever processes the tests ran in; with why, where one didn't end well."""
    (tmp_path / "test_scenes.py").write_text(TEST)
    ledger = tmp_path / "ledger"
    ours = ["-p", "agent_runs.ledger", OPTION, str(ledger), "-p", "no:cacheprovider", *more]
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", ".", *ours]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "scripts")}
    subprocess.run([*command, "test_scenes.py"], cwd=tmp_path, env=environment, check=False)
    lines = ledger.read_text().splitlines()
    read = read_ledger(lines)
    assert len(lines) == 5, lines  # the test that fails as it is cleaned up has two
    assert {scene: each.state for scene, each in read.items()} == {
        "test_it[good]": "ok",
        "test_it[bad]": "failed",
        "test_it[none]": "skipped",
        "test_that": "failed",
    }
    assert read["test_it[none]"].why == "there is none"
    assert "left behind" in read["test_that"].why


def test_help_says_what_it_does() -> None:
    """Without running anything."""
    script = ROOT / "scripts" / "agents"
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert "--long" in done.stdout
    assert "--results" in done.stdout


def test_results_without_scenes_are_an_empty_table() -> None:
    """A run that was ended before it began shows nothing."""
    assert json.dumps(as_objects(by_agent(read_ledger([]).values()))) == "[]"
