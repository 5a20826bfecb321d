"""`helm-boundary policy eval` and `bench`: a policy's decision on a call, and its cost."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click

from helm_boundary.policy.authoring.bench import Cost, dearest, measure
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.errors import EngineError
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.replay.recorded import Recording

from .exits import NO, YES, CommandError
from .policy_asked import asked, policy_at, recording_of
from .policy_options import folders_argument, policy_errors, policy_option, say_json
from .state_options import json_option


@click.command("eval")
@click.option(
    "--input",
    "document",
    type=click.File("rb"),
    help="An input document (helm.input/v1), or - for standard input.",
)
@click.option(
    "--flow",
    "flows",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Recorded traffic (mitmdump -w FILE), of which every call is judged.",
)
@policy_option
@click.option(
    "--deadline-ms",
    type=click.IntRange(1),
    default=5_000,
    show_default=True,
    help="Longest an evaluation may take, in milliseconds.",
)
@json_option
@click.pass_context
def eval_(
    context: click.Context,
    document: BinaryIO | None,
    flows: Path | None,
    folders: tuple[Path, ...],
    deadline_ms: int,
    as_json: bool,
) -> None:
    """Evaluate a policy on a call: the decision, and which rules spoke.

    Exit codes: 0 ALLOW, 1 DENY or ESCALATE, 2 no decision.
    """
    if (document is None) == (flows is None):
        raise CommandError("expected either --input FILE or --flow FILE")
    if document is not None:
        decisions = [_decide(document.read(), folders, deadline_ms, as_json)]
    else:
        decisions = list(_decide_recorded(flows, folders, as_json))
    allowed = all(decision.verdict == ALLOW for decision in decisions)
    context.exit(YES if allowed else NO)


def _decide(
    document: bytes, folders: tuple[Path, ...], deadline_ms: int, as_json: bool
) -> Decision:
    with policy_errors():
        engine = start_embedded(read_policy(folders), deadline_ms=deadline_ms)
        try:
            decision = engine.decide_now(document)
        finally:
            engine.close()
    _say(decision, {}, as_json)
    return decision


def _decide_recorded(
    flows: Path | None, folders: tuple[Path, ...], as_json: bool
) -> Iterator[Decision]:
    recording = recording_of(flows) if flows else Recording([])
    with asked(policy_at(folders)) as policy:
        for call in recording.calls:
            for phase, decision in policy.decide(policy.documents(call)):
                if isinstance(decision, EngineError):
                    raise CommandError(f"flow {call.number}, {phase}: {decision}")
                _say(decision, {"flow": call.number, "phase": phase}, as_json)
                yield decision


def _say(decision: Decision, about: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        say_json({**about, **asdict(decision)})
        return
    if about:
        click.echo(f"flow {about['flow']}, {about['phase']}: ", nl=False)
    _print(decision)


def _print(decision: Decision) -> None:
    click.echo(decision.verdict)
    for reason in decision.reasons:
        where = f" at {reason.pointer}" if reason.pointer else ""
        click.echo(f"  {reason.rule} {reason.code} ({reason.finality}){where}: {reason.message}")
        if reason.counterfactual:
            click.echo(f"    {reason.counterfactual}")
    for reason in decision.observed:
        click.echo(f"  observed: {reason.rule} {reason.code}: {reason.message}")
    for operation in decision.rewrite:
        click.echo(
            f"  rewrite: {operation['op']} {operation.get('path', operation.get('pointer'))}"
        )
    if decision.stream != "gate":
        click.echo(f"  stream: {decision.stream}")


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
@json_option
def bench(folders: tuple[Path, ...], runs: int, top: int, as_json: bool) -> None:
    """Measure what a policy costs in the engine.

    Also which topics, rules and detectors cost most. Prints microseconds at p50 and p99, for chats
    of 1 KB and 20 KB, without the worker's pipe. A rule is all that a topic says with one word: its
    deny, its escalate.
    """
    with policy_errors():
        costs = measure(read_policy(folders), runs)
    whole = [cost for cost in costs if cost.kind in ("policy", "detectors")]
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
    return f"{cost.kind:9} {cost.name:40} p50 {cost.p50:8.1f} µs   p99 {cost.p99:8.1f} µs"
