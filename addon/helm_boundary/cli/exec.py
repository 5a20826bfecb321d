"""`helm-boundary exec`: one program under the boundary, from its start to its end."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import click

from helm_boundary.calls.local_addresses import LocalPlaceError, read_reach
from helm_boundary.clients.ca_bundle import BundleError
from helm_boundary.clients.call_summary import Tally, as_json, summary
from helm_boundary.clients.confine import ConfinementRefused
from helm_boundary.clients.launch import LaunchFailed
from helm_boundary.clients.past import Past
from helm_boundary.clients.placement import Placed, Wanted, place
from helm_boundary.clients.supervise import NotStarted, check_program
from helm_boundary.clients.workspace import working_folders
from helm_boundary.runtime.state_folder import default_state_folder
from helm_receipts.errors import ReceiptError
from helm_receipts.export.explain import printable
from helm_receipts.storage.custody import refuse_foreign_state

from .boundary_options import boundary_options
from .exits import CommandError, ending_on


@click.command("exec", context_settings={"ignore_unknown_options": True})
@click.option("--own", is_flag=True, help="Start a separate boundary, even if one runs.")
@click.option(
    "--observe",
    is_flag=True,
    help="Only write verdicts down: everything passes, and `policy learn --receipts` reads what "
    "was done.",
)
@click.option(
    "--base-url",
    is_flag=True,
    help="Also set OPENAI_BASE_URL, ANTHROPIC_BASE_URL and their like, for programs that ignore "
    "proxies; implies --own.",
)
@click.option(
    "--confine",
    is_flag=True,
    help="Linux: give the program a network in which it reaches only the boundary, and "
    "through that nothing on this machine or its private networks; implies --own.",
)
@click.option(
    "--allow-local",
    "local",
    metavar="HOST:PORT",
    multiple=True,
    help="With --confine: an address on this machine or its private networks that the program may "
    "reach all the same; repeatable.",
)
@click.option("--quiet", is_flag=True, help="Don't print the summary.")
@click.option("--json", "in_json", is_flag=True, help="Print the summary as one JSON object.")
@boundary_options
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD …")
def exec_(
    own: bool,
    observe: bool,
    base_url: bool,
    confine: bool,
    local: tuple[str, ...],
    quiet: bool,
    in_json: bool,
    state: Path | None,
    policies: tuple[Path, ...],
    settings: tuple[str, ...],
    command: tuple[str, ...],
) -> None:
    """Run a program under the boundary.

    Joins a boundary of the same mode that runs on the same state folder, or starts one that ends
    with the program; it says which. Signals and the exit code are passed through. A summary of the
    calls goes to standard error.
    """
    _check_local(confine, local)
    wanted = Wanted(
        state=state or default_state_folder(),
        mode="observe" if observe else "enforce",
        folders=working_folders(os.environ),
        policies=policies,
        settings=settings,
        alone=own or base_url or confine or bool(policies or settings),
        base_urls=base_url,
        confined=confine,
        local=local,
    )
    try:
        with ending_on(LaunchFailed, BundleError, ConfinementRefused, ReceiptError, OSError):
            code, placed, past, tally = _run(wanted, command, os.environ, quiet or in_json)
    except NotStarted as error:
        raise CommandError(str(error), error.exit_code, who="helm-boundary") from None
    if not quiet:
        _print_summary(placed, past, tally, in_json)
    raise SystemExit(code)


def _check_local(confine: bool, local: tuple[str, ...]) -> None:
    if local and not confine:
        raise click.UsageError("--allow-local needs --confine; without it everything is reached")
    if {"any", "none"} & {*local}:
        raise click.UsageError("--allow-local: expected HOST:PORT, as in localhost:11434")
    try:
        read_reach(local)
    except LocalPlaceError as error:
        raise click.UsageError(f"--allow-local: {error}") from None


def _run(
    wanted: Wanted, command: tuple[str, ...], environment: Mapping[str, str], quiet: bool
) -> tuple[int, Placed, Past, Tally]:
    refuse_foreign_state(wanted.state)
    check_program(command, environment)
    tally = Tally(wanted.state)
    with place(wanted, environment) as placed:
        if not quiet:
            click.echo(f"helm-boundary: {placed.told}", err=True)
        code = placed.run(command)
        past = placed.past(command)
    return code, placed, past, tally


def _print_summary(placed: Placed, past: Past, tally: Tally, in_json: bool) -> None:
    calls = tally.calls(placed.own_pid)
    if in_json:
        click.echo(json.dumps(as_json(calls) | past.as_json()), err=True)
        return
    whose = "" if placed.own_pid else " (of everyone at the boundary it joined)"
    first, *rest = summary(calls)
    noted = [f"helm-boundary: {line}" for line in past.lines()]
    for line in (f"helm-boundary: {first}{whose}", *rest, *map(printable, noted)):
        click.echo(line, err=True)
