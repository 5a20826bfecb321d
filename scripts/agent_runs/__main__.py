"""What coding agents do behind the boundary, from the tests that run them, as a table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import click
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
TESTS = "tests/e2e/clients/test_denied_agents.py"
_CASE = re.compile(r"(test_\w+)\[(.*)\]")
_COLUMNS = {
    "test_an_allowed_tool_runs": "allowed",
    "test_an_agent_mends_a_program": "",
    "test_a_denied_tool_never_reaches_the_agent": "denied",
    "test_a_denied_tool_steers_the_agent": "steered",
    "test_a_grant_for_a_session_is_for_the_rest_of_its_run": "session",
    "test_a_granted_request_passes_in_the_next_run": "asked again",
    "test_a_denied_model_is_never_asked": "no model",
    "test_an_agent_works_under_its_profile": "profile",
    "test_the_profile_asks_before_an_agent_harms": "asks first",
    "test_an_agent_waits_for_a_person": "",
}
"""What each test shows, in a word; of some, the parameters say it."""
_WORDS = {"approve": "yes", "deny": "no"}
_MENDED = {"exec": "mends", "confined": "confined"}
_WIDTH = 150

type Shown = Mapping[str, Mapping[str, str]]
"""By agent and column: ok, failed or skipped."""


@click.command()
@click.option("--long", "is_long", is_flag=True, help="Also have them wait for 60 and 330 seconds.")
@click.option(
    "--only",
    default="",
    metavar="TEXT",
    help='Only agents with TEXT in their name; "claude or codex" for several.',
)
@click.option("--workers", default=2, show_default=True, help="Agents that run at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(is_long: bool, only: str, workers: int, as_json: bool) -> None:
    """Run coding agents through the boundary: allowed, denied, steered, and made to wait.

    Each also mends a program, under exec and exec --confine, and under profile:coding-agent, which
    asks before it removes a folder; is granted a tool for its session, and a request that it makes
    again in its next run.

    Exit code 1 where one of them did something else than it should.
    """
    with tempfile.TemporaryDirectory(prefix="helm-agents-") as name:
        results = Path(name) / "results.xml"
        code = subprocess.run(
            [*_command(results, is_long, only), "-n", str(workers)], cwd=ROOT, check=False
        ).returncode
        if not results.exists():
            raise click.ClickException(
                f"the agents' tests didn't run: pytest's exit code is {code}"
            )
        shown = read_results(results.read_text("utf-8"))
    if as_json:
        click.echo(json.dumps(shown))
    else:
        width = None if sys.stdout.isatty() else _WIDTH
        Console(width=width).print(as_table(shown))
    sys.exit(1 if any("failed" in each.values() for each in shown.values()) else 0)


def _command(results: Path, is_long: bool, only: str) -> list[str]:
    chosen = [] if is_long else ["not 60 and not 330"]
    chosen += [f"({only})"] if only else []
    options = ["-q", "--slow", f"--junitxml={results}", "-k", " and ".join(chosen)]
    return [sys.executable, "-m", "pytest", *options, TESTS]


def read_results(text: str) -> Shown:
    """Read what the tests showed from pytest's results."""
    shown: dict[str, dict[str, str]] = {}
    for case in ElementTree.fromstring(text).iter("testcase"):  # noqa: S314 pytest wrote it
        found = _CASE.fullmatch(case.get("name", ""))
        if found is None or found[1] not in _COLUMNS:
            continue
        agent, column = _place(found[1], found[2])
        shown.setdefault(agent, {})[column] = _state(case)
    return dict(sorted(shown.items()))


def _place(test: str, parameters: str) -> tuple[str, str]:
    """Return the agent and the column of one test."""
    if _COLUMNS[test]:
        return parameters, _COLUMNS[test]
    waited = re.fullmatch(r"(.*?)-(\d+)-(\w+)", parameters)
    if waited is not None:
        return waited[1], f"{_WORDS[waited[3]]} after {waited[2]} s"
    agent, _, where = parameters.rpartition("-")
    return agent, _MENDED[where]


def _state(case: ElementTree.Element) -> str:
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "ok"


def as_table(shown: Shown) -> Table:
    """Return a line for each agent, and a column for what it was put through."""
    columns = list(dict.fromkeys(column for each in shown.values() for column in each))
    table = Table("agent", *columns)
    for agent, states in shown.items():
        table.add_row(agent, *_cells(states, columns))
    return table


def _cells(states: Mapping[str, str], columns: Iterable[str]) -> list[str]:
    return [states.get(column, "") for column in columns]


if __name__ == "__main__":
    main(prog_name="scripts/agents")
