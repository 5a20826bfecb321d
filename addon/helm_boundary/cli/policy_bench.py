"""`helm-boundary policy bench`: what a policy costs, whole and by its parts."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from helm_boundary.policy.authoring.bench import Cost, dearest, measure
from helm_boundary.policy.sources.policy import read_policy

from .policy_options import folders_argument, key_option, policy_errors, say_json
from .state_options import json_option

WHOLE = ("policy", "detectors")
"""Kinds whose names say what they were measured on."""


@click.command("bench")
@folders_argument
@click.option(
    "--runs",
    type=click.IntRange(10),
    default=1_000,
    show_default=True,
    help="Evaluations for each figure.",
)
@click.option(
    "--top",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How many topics, rules and detectors to show.",
)
@key_option
@json_option
def bench(folders: tuple[Path, ...], runs: int, top: int, key: Path | None, as_json: bool) -> None:
    """Measure what a policy costs in the engine.

    Also which topics, rules and detectors cost most. Prints microseconds at p50 and p99, without
    the worker's pipe, and what each was measured on, how often. A rule is all that a topic says
    with one word: its deny, its escalate. A part's figures are less what the same costs without
    it.
    """
    with policy_errors():
        costs = measure(read_policy(folders, key=key), runs)
    whole = [cost for cost in costs if cost.kind in WHOLE]
    parts = [cost for cost in costs if cost not in whole]
    parts.sort(key=lambda cost: -cost.p50)
    for cost in (*whole, *parts[:top]):
        if as_json:
            say_json(asdict(cost))
        else:
            click.echo(_row(cost))
    for kind in () if as_json else ("rule", "detector"):
        most = dearest(costs, kind)
        if most is not None:
            click.echo(f"dearest {kind}: {most.name} ({most.p50:.1f} µs)")
    sys.stdout.flush()


def _row(cost: Cost) -> str:
    figures = f"p50 {cost.p50:8.1f} µs   p99 {cost.p99:8.1f} µs"
    on = "" if cost.kind in WHOLE else f"{cost.on}, "
    return f"{cost.kind:9} {cost.name:40} {figures}   {on}{cost.runs} times"
