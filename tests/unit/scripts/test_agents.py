"""`scripts/agents`: its table says what the tests of the agents showed."""

from __future__ import annotations

import subprocess

import pytest

from agent_runs.__main__ import as_table, read_results
from support.boundary import ROOT

RESULTS = """<testsuites><testsuite>
<testcase name="test_an_allowed_tool_runs[codex over HTTP]"/>
<testcase name="test_a_denied_model_is_never_asked[opencode]"><skipped/></testcase>
<testcase name="test_an_agent_waits_for_a_person[claude code-60-approve]"/>
<testcase name="test_an_agent_waits_for_a_person[claude code-330-deny]"><failure/></testcase>
<testcase name="test_an_agent_mends_a_program[opencode-confined]"/>
<testcase name="test_something_else[codex over HTTP]"/>
</testsuite></testsuites>"""


def test_a_table_has_what_was_shown() -> None:
    """By agent; what wasn't run is empty."""
    shown = read_results(RESULTS)
    assert shown == {
        "claude code": {"yes after 60 s": "ok", "no after 330 s": "failed"},
        "codex over HTTP": {"allowed": "ok"},
        "opencode": {"no model": "skipped", "confined": "ok"},
    }
    table = as_table(shown)
    assert table.row_count == 3
    assert table.columns[0].header == "agent"


def test_help_says_what_it_does() -> None:
    """Without running anything."""
    script = ROOT / "scripts" / "agents"
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert "--long" in done.stdout


@pytest.mark.parametrize("text", ["", "<testsuites/>"])
def test_results_without_tests_are_an_empty_table(text: str) -> None:
    """A run that was ended before it began shows nothing."""
    if text:
        assert read_results(text) == {}
    else:
        with pytest.raises(SyntaxError):
            read_results(text)
