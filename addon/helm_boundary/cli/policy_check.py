"""`helm-boundary policy check`: is this policy sound?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from helm_boundary.policy.authoring.check import Report, check_policy
from helm_boundary.policy.engines.opa_program import OpaProgram

from .exits import NO, YES
from .policy_options import (
    WITHOUT_OPA,
    folders_argument,
    key_option,
    opa_asked,
    opa_options,
    own_folders,
    policy_errors,
    say_json,
    shown_progress,
)
from .state_options import json_option


@click.command("check")
@folders_argument
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@key_option
@opa_options
@json_option
@click.pass_context
def check(
    context: click.Context,
    folders: tuple[Path, ...],
    strict: bool,
    key: Path | None,
    opa: Path | None,
    require_opa: bool,
    as_json: bool,
) -> None:
    """Check a policy before it is used.

    Its syntax, unknown functions, names and codes, metadata, tests and detectors. Everything found
    has its file, its line and what to do. Exit codes: 0 sound, 1 not sound, 2 it can't be checked
    as asked.
    """
    with policy_errors():
        program = opa_asked(opa, require_opa)
        shown = shown_progress("documents judged in both engines")
        report = check_policy(own_folders(folders), key=key, opa=program, progress=shown)
    for found in report.found:
        if as_json:
            say_json(asdict(found))
        else:
            click.echo(f"{found.level}: {found.message}")
    if program is None:
        if as_json:
            say_json({"level": "note", "message": WITHOUT_OPA})
        else:
            click.echo(f"note: {WITHOUT_OPA}")
    if not as_json:
        click.echo(_summary(report, program))
    bad = not report.sound or (strict and report.warnings > 0)
    context.exit(NO if bad else YES)


def _summary(report: Report, opa: OpaProgram | None) -> str:
    if report.policy is None:
        return f"not usable: {report.errors} errors"
    policy = f"{report.policy.rules} rules, {report.detectors} detectors"
    policy += f", digest {report.policy.digest[:12]}"
    asked = f" ({report.opinion.judged} documents judged in {opa} too)" if report.opinion else ""
    return f"{policy}: {report.errors} errors, {report.warnings} warnings{asked}"
