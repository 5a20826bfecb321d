"""`helm-boundary policy test`: do a policy's own tests pass?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from helm_boundary.policy.authoring.test_runner import Coverage, Result, Run, run_tests
from helm_boundary.policy.engines.opa_program import OpaProgram

from .exits import NO, YES
from .policy_options import (
    folders_argument,
    key_option,
    opa_asked,
    opa_options,
    own_folders,
    policy_errors,
    say_json,
)
from .state_options import json_option

WATCH_SECONDS = 0.5


@click.command("test")
@folders_argument
@click.option("--run", "only", default="", help="Only tests whose name matches this regex.")
@click.option("--coverage", is_flag=True, help="Print the lines that no test ran.")
@click.option("--watch", is_flag=True, help="Run again whenever a file changes.")
@key_option
@opa_options
@json_option
@click.pass_context
def test(
    context: click.Context,
    folders: tuple[Path, ...],
    only: str,
    coverage: bool,
    watch: bool,
    key: Path | None,
    opa: Path | None,
    require_opa: bool,
    as_json: bool,
) -> None:
    """Run a policy's own tests, in an `opa` too if there is one.

    Tests are rules named test_… in *_test.rego.

    Exit codes: 0 all passed, 1 some failed, ended otherwise in OPA, or there were none, 2 they
    can't be run.
    """
    chosen = own_folders(folders)
    with policy_errors():
        program = opa_asked(opa, require_opa)
    while True:
        before = _stamps(chosen)
        run = _run_once(chosen, only, key, program, as_json)
        if coverage:
            _print_coverage(run.coverage, as_json)
        if not watch:
            context.exit(YES if run.passed else NO)
        while _stamps(chosen) == before:
            time.sleep(WATCH_SECONDS)
        click.echo()


def _run_once(
    folders: Sequence[Path], only: str, key: Path | None, opa: OpaProgram | None, as_json: bool
) -> Run:
    with policy_errors():
        run = run_tests(folders, only=only, opa=opa, key=key)
    for result in run.results:
        if as_json:
            say_json(asdict(result))
        else:
            _print_result(result)
    for difference in run.differences:
        if as_json:
            say_json({"difference": difference})
        else:
            click.echo(f"DIFFERS {difference}")
    if not as_json:
        ends = Counter(result.end for result in run.results)
        skipped = f", {ends['skipped']} skipped" if ends["skipped"] else ""
        asked = f" (run in {opa} too)" if opa else ""
        click.echo(f"{ends['passed']} passed, {ends['failed']} failed{skipped}{asked}")
    return run


def _print_result(result: Result) -> None:
    if result.end != "failed":
        return
    click.echo(f"FAILED {result.name}: {result.message}")
    for line in result.prints:
        click.echo(f"  {line}")


def _print_coverage(coverage: Sequence[Coverage], as_json: bool) -> None:
    for module in coverage:
        lines = len(module.covered) + len(module.missed)
        rate = len(module.covered) / lines if lines else 1.0
        if as_json:
            say_json({"file": module.file, "rate": round(rate, 3), "missed": list(module.missed)})
        else:
            missed = f"  missed: {', '.join(_ranges(module.missed))}" if module.missed else ""
            click.echo(f"{rate:6.1%}  {module.file}{missed}")


def _ranges(lines: Sequence[int]) -> Iterator[str]:
    """Write 1, 2, 3, 7 as 1-3, 7."""
    start = previous = lines[0]
    for line in (*lines[1:], None):
        if line is not None and line == previous + 1:
            previous = line
            continue
        yield f"{start}-{previous}" if previous > start else str(start)
        if line is not None:
            start = previous = line


def _stamps(folders: Sequence[Path]) -> dict[Path, int]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files}
