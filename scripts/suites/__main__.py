"""SDKs' own API suites, run directly, through stock mitmdump and through the boundary.

What passes directly must pass through the boundary too, and every call must have its receipt.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from suites import checkouts
from suites.checkouts import NotSetUp, Suite
from suites.mock import Mock, MockFailed
from suites.report import Turn, Turns, as_table, problems, remarks
from suites.results import UnreadableResults
from suites.routes import ROUTES, Route, open_route

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True)
_NOTED = 3000


@click.command()
@click.option("--openai-python", type=_FOLDER, help="A checkout of openai-python, with its .venv.")
@click.option("--openai-node", type=_FOLDER, help="One of openai-node, with its node_modules.")
@click.option("--anthropic", type=_FOLDER, help="One of anthropic-sdk-python, with its .venv.")
@click.option("--anthropic-spec", type=_FILE, help="The OpenAPI file that its .stats.yml names.")
@click.option("--steady", type=_FILE, help="The mock server; else a checkout's or PATH's.")
@click.option("--port", default=4010, show_default=True, help="The mock server's port.")
@click.option("--observe", is_flag=True, help="Run the boundary in observe mode.")
@click.option(
    "--route", "routes", multiple=True, type=click.Choice(ROUTES), help="Only this way; else all."
)
@click.option("--show-remarks", is_flag=True, help="List calls that were refused or are unknown.")
def main(
    openai_python: Path | None,
    openai_node: Path | None,
    anthropic: Path | None,
    anthropic_spec: Path | None,
    steady: Path | None,
    port: int,
    observe: bool,
    routes: tuple[Route, ...],
    show_remarks: bool,
) -> None:
    """Run SDKs' own API suites directly, through stock mitmdump and through the boundary.

    Checkouts and what their tests need are yours to install; nothing is downloaded. The boundary
    has a policy that allows whatever it can read (scripts/suites/policy). Exit code 1 where a test
    passes directly and not through the boundary, or a call has no receipt.
    """
    suites = chosen(openai_python, openai_node, anthropic, anthropic_spec)
    mode = "observe" if observe else "enforce"
    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        server = steady or checkouts.find_steady(suite.checkout for suite in suites)
        found = {suite.name: run(suite, routes or ROUTES, server, port, mode) for suite in suites}
    except (NotSetUp, MockFailed, UnreadableResults) as error:
        raise click.ClickException(str(error)) from error
    console.print(as_table(found))
    wrong = False
    for name, turns in found.items():
        said = [*problems(turns), *(remarks(turns) if show_remarks else ())]
        wrong |= bool(problems(turns))
        for line in said:
            console.print(f"{name}: {line}", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1 if wrong else 0)


def chosen(
    openai_python: Path | None,
    openai_node: Path | None,
    anthropic: Path | None,
    anthropic_spec: Path | None,
) -> list[Suite]:
    """Return the suites of the checkouts that were named.

    Raises:
        click.UsageError: none was, or one without what it needs.
    """
    suites = []
    if openai_python is not None:
        suites.append(checkouts.openai_python(openai_python))
    if openai_node is not None:
        suites.append(checkouts.openai_node(openai_node))
    if anthropic is not None:
        if anthropic_spec is None:
            raise click.UsageError("--anthropic needs --anthropic-spec: no checkout has that file")
        suites.append(checkouts.anthropic_python(anthropic, anthropic_spec))
    if not suites:
        raise click.UsageError("name a checkout, such as --openai-python ../openai-python")
    return suites


def run(suite: Suite, routes: tuple[Route, ...], steady: Path, port: int, mode: str) -> Turns:
    """Run a suite once on each route."""
    with tempfile.TemporaryDirectory(prefix="helm-suites-") as name:
        return {
            route: take_turn(suite, route, steady, port, mode, Path(name) / route)
            for route in routes
        }


def take_turn(suite: Suite, route: Route, steady: Path, port: int, mode: str, folder: Path) -> Turn:
    """Run a suite on one route, with a mock server of its own.

    Raises:
        UnreadableResults: the suite didn't run.
    """
    folder.mkdir()
    results, log = folder / "results", folder / "log"
    click.echo(f"{suite.name}: {route} ...", err=True)
    with Mock(steady, suite.spec, port, folder) as mock:
        with open_route(route, port, folder, mode=mode) as way, log.open("wb") as output:
            subprocess.run(
                suite.command(results),
                cwd=suite.checkout,
                env={**os.environ, **suite.environment, "TEST_API_BASE_URL": way.address},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        calls = mock.calls
    try:
        return Turn(suite.read(results), calls, way.receipts, way.remarks)
    except UnreadableResults as error:
        said = log.read_text("utf-8", "replace")[-_NOTED:]
        raise UnreadableResults(f"{error}\n{said}") from error


if __name__ == "__main__":
    main(prog_name="scripts/compatibility")
