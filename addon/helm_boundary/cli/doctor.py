"""`helm-boundary doctor`: one line for each check, and what to do where it fails."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from helm_boundary.doctor.diagnosis import best, diagnose, exit_code
from helm_boundary.doctor.finding import Finding
from helm_boundary.runtime.state_folder import default_state_folder
from helm_receipts.database.address import Address
from helm_receipts.export.explain import printable

from .exits import NO, YES
from .policy_source import PolicySource
from .state_copies import named_state_option
from .state_folder import StateFolder
from .state_options import io_errors, json_option


@click.command()
@named_state_option()
@click.option(
    "--folder",
    envvar="HELM_FOLDER",
    type=StateFolder(),
    help="With a database: look at this machine too, whose boundary has this folder.",
)
@json_option
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=PolicySource(exists=True, resolve_path=True),
    help="A policy folder that should be in force; may be given several times.",
)
@click.option(
    "--peer",
    "peers",
    metavar="HOST:PORT",
    multiple=True,
    help="Another boundary of the fleet, a forward proxy: has it the same authority? Repeatable.",
)
@click.option("--up", is_flag=True, help="Only check that a boundary is ready.")
def doctor(
    state: Path | Address,
    folder: Path | None,
    as_json: bool,
    policies: tuple[Path, ...],
    peers: tuple[str, ...],
    up: bool,
) -> None:
    """Check that calls from here really go through a boundary.

    With --state postgresql://… it is the fleet's database that is checked, and what its boundaries
    say; with --folder this machine too.

    Exit codes: 0 all is well, 1 something isn't, 3 something couldn't be checked.
    """
    database = state if isinstance(state, Address) else None
    own = state if isinstance(state, Path) else folder
    if up:
        with io_errors():
            health = best(own or default_state_folder())
        raise SystemExit(YES if health is not None and health.ready else NO)
    findings: list[Finding] = []
    for finding in diagnose(own, policies, os.environ, peers, database):
        is_told = finding.remedy in {each.remedy for each in findings}
        findings.append(finding)
        _print(finding, as_json, with_remedy=not is_told)
    raise SystemExit(exit_code(findings))


def _print(finding: Finding, as_json: bool, *, with_remedy: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(finding)))
        return
    click.echo(printable(f"{finding.answer:8}{finding.looked_at}: {finding.found}"))
    if finding.remedy and with_remedy:
        click.echo(printable(f"        → {finding.remedy}"))
