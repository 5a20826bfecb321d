"""What coding agents do behind the boundary, from the tests that run them, as a table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from agent_runs.ledger import OPTION, Shown, read_ledger

ROOT = Path(__file__).resolve().parents[2]
TESTS = "tests/e2e/clients/test_denied_agents.py"
_SCENE = re.compile(r"(test_\w+)\[(.*)\]")
_COLUMNS = {
    "test_an_allowed_tool_runs": "allowed",
    "test_an_agent_mends_a_program": "mends",
    "test_a_denied_tool_never_reaches_the_agent": "denied",
    "test_a_denied_tool_steers_the_agent": "steered",
    "test_an_agent_waits_for_a_person": "",
    "test_a_grant_for_a_session_is_for_the_rest_of_its_run": "session",
    "test_a_granted_request_passes_in_the_next_run": "asked again",
    "test_a_denied_model_is_never_asked": "no model",
    "test_an_agent_works_under_its_profile": "profile",
    "test_the_profile_asks_before_an_agent_harms": "asks first",
}
"""What each test shows, in a word; of one, the parameters say it."""
_WORDS = {"approve": "yes", "deny": "no"}
_UNDER = {"exec": "exec", "confined": "exec --confine"}
_WIDTH = 170

type Results = Mapping[tuple[str, str], Mapping[str, Shown]]
"""By agent and what it ran under, and by column."""


@click.command()
@click.option("--long", "is_long", is_flag=True, help="Also have them wait for 60 and 330 seconds.")
@click.option(
    "--only",
    default="",
    metavar="TEXT",
    help='Only scenes with TEXT in their name: "claude and not confined", "waits and 330".',
)
@click.option("--workers", default=2, show_default=True, help="Agents that run at a time.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Keep what was shown in this file, and go on with it: what is ok there isn't run again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(is_long: bool, only: str, workers: int, results: Path | None, as_json: bool) -> None:
    """Run coding agents through the boundary: allowed, denied, steered, and made to wait.

    Each also mends a program, with its tools listed and under profile:coding-agent, which asks
    before it removes a folder; is granted a tool for its session, and a request that it makes again
    in its next run. All of it is done under exec and under exec --confine.

    Exit code 1 where one of them did something else than it should.
    """
    with tempfile.TemporaryDirectory(prefix="helm-agents-") as name:
        ledger = results.resolve() if results else Path(name) / "ledger"
        ledger.touch()
        command = [*_command(ledger, is_long, only), "-n", str(workers)]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        read = read_ledger(ledger.read_text("utf-8").splitlines())
    if not read:
        raise click.ClickException(f"the agents' tests didn't run: pytest's exit code is {code}")
    shown = by_agent(read.values())
    if as_json:
        click.echo(json.dumps(as_objects(shown)))
    else:
        width = None if sys.stdout.isatty() else _WIDTH
        Console(width=width).print(as_table(shown))
    sys.exit(1 if any(each.state == "failed" for each in read.values()) else 0)


def _command(ledger: Path, is_long: bool, only: str) -> list[str]:
    chosen = [] if is_long else ["not 60 and not 330"]
    chosen += [f"({only})"] if only else []
    options = ["-q", "--slow", "-p", "agent_runs.ledger", OPTION, str(ledger)]
    done = read_ledger(ledger.read_text("utf-8").splitlines()).values()
    passed = [f"--deselect={TESTS}::{each.scene}" for each in done if each.state == "ok"]
    expression = " and ".join(chosen)
    return [sys.executable, "-m", "pytest", *options, "-k", expression, *passed, TESTS]


def by_agent(found: Iterable[Shown]) -> Results:
    """Sort what was shown; what has no column is left out."""
    results: dict[tuple[str, str], dict[str, Shown]] = {}
    for each in found:
        scene = _SCENE.fullmatch(each.scene)
        if scene is not None and scene[1] in _COLUMNS:
            row, column = _place(scene[1], scene[2].split("-"))
            results.setdefault(row, {})[column] = each
    return {row: _ordered(results[row]) for row in sorted(results)}


def _place(test: str, parameters: list[str]) -> tuple[tuple[str, str], str]:
    """Return the row and the column of one scene; an agent's name has no hyphen."""
    under = next((_UNDER[part] for part in parameters if part in _UNDER), _UNDER["exec"])
    seconds = next((part for part in parameters if part.isdigit()), "")
    word = next((_WORDS[part] for part in parameters if part in _WORDS), "")
    agent = next(
        part for part in parameters if part not in {*_UNDER, *_WORDS} and not part.isdigit()
    )
    return (agent, under), _COLUMNS[test] or _waited(word, seconds)


def _waited(word: str, seconds: str) -> str:
    return f"{word} after {seconds} s"


def _ordered(columns: Mapping[str, Shown]) -> dict[str, Shown]:
    """Put columns into the table's order: what they are named here, and waiting by its length."""
    waits = [_waited(word, n) for n in ("5", "60", "330") for word in _WORDS.values()]
    order = [name for each in _COLUMNS.values() for name in ([each] if each else waits)]
    return {name: columns[name] for name in order if name in columns}


def as_objects(shown: Results) -> list[dict[str, object]]:
    """Return an object for each agent and what it ran under, for JSON."""
    return [
        {
            "agent": agent,
            "under": under,
            "scenes": {
                name: {"state": each.state, "seconds": each.seconds, "why": each.why}
                for name, each in columns.items()
            },
        }
        for (agent, under), columns in shown.items()
    ]


def as_table(shown: Results) -> Table:
    """Return a line for each agent and what it ran under, and a column for each scene."""
    every = {name: each for columns in shown.values() for name, each in columns.items()}
    columns = list(_ordered(every))
    table = Table("agent", "under", *columns)
    for (agent, under), states in shown.items():
        cells = (states[name].state if name in states else "" for name in columns)
        table.add_row(agent, under, *cells)
    return table


if __name__ == "__main__":
    main(prog_name="scripts/agents")
