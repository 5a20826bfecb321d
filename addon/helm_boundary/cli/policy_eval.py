"""`helm-boundary policy eval`: a policy's decision on a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click

from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.errors import EngineError
from helm_boundary.policy.sources.policy import Policy, read_policy
from helm_boundary.replay.recorded import Recording

from .exits import INCOMPLETE, NO, YES, CommandError
from .policy_asked import asked, recording_of
from .policy_options import key_option, policy_errors, policy_option, say_json
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
@key_option
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
    key: Path | None,
    deadline_ms: int,
    as_json: bool,
) -> None:
    """Evaluate a policy on a call: the decision, and which rules spoke.

    --input runs no detectors: the document's own findings count.

    Exit codes: 0 ALLOW, 1 DENY or ESCALATE, 2 no decision, 3 what was judged is ALLOW, but a
    recording has no calls, or some that no policy is asked about.
    """
    if (document is None) == (flows is None):
        raise CommandError("expected either --input FILE or --flow FILE")
    with policy_errors():
        policy = read_policy(folders, key=key)
    if document is not None:
        decision = _decide(document.read(), policy, deadline_ms)
        _say(decision, {}, as_json)
        context.exit(YES if decision.verdict == ALLOW else NO)
    if flows is not None:
        context.exit(_judge(recording_of(flows), flows, policy, as_json))


def _judge(recording: Recording, flows: Path, policy: Policy, as_json: bool) -> int:
    """Print what is decided on each recorded call, and what isn't; returns the exit code."""
    decisions = list(_decide_recorded(recording, policy, as_json))
    _say_unjudged(recording, flows, as_json)
    if not all(decision.verdict == ALLOW for decision in decisions):
        return NO
    return YES if recording.is_whole and recording.calls else INCOMPLETE


def _decide(document: bytes, policy: Policy, deadline_ms: int) -> Decision:
    with policy_errors():
        engine = start_embedded(policy, deadline_ms=deadline_ms)
        try:
            return engine.decide_now(document)
        finally:
            engine.close()


def _decide_recorded(recording: Recording, policy: Policy, as_json: bool) -> Iterator[Decision]:
    with asked(policy) as ready:
        for call in recording.calls:
            for phase, decision in ready.decide(ready.documents(call)):
                if isinstance(decision, EngineError):
                    raise CommandError(f"flow {call.number}, {phase}: {decision}")
                _say(decision, {"flow": call.number, "phase": phase}, as_json)
                yield decision


def _say_unjudged(recording: Recording, flows: Path, as_json: bool) -> None:
    """Say which calls no policy is asked about, and what isn't in the recording."""
    for call in recording.refused:
        if as_json:
            say_json({"flow": call.number, "refused": {"code": call.code, "message": call.reason}})
        else:
            why = f"{call.code}: {call.reason}"
            click.echo(f"flow {call.number}: the boundary refuses it by itself: {why}")
    if recording.missing:
        _say_note({"missing": recording.missing}, recording.missing_answers(), as_json)
    if not recording.calls and not recording.refused:
        other = f", {recording.other} to other hosts or paths" if recording.other else ""
        said = f"{flows}: has no calls that are judged{other}"
        _say_note({"calls": 0, "other": recording.other}, said, as_json)


def _say_note(members: Mapping[str, object], line: str, as_json: bool) -> None:
    if as_json:
        say_json(members)
    else:
        click.echo(line)


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
