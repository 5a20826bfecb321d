"""`helm-boundary policy diff` and `learn`: what a policy means for recorded traffic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from helm_boundary.commands.asked import command_reader
from helm_boundary.flows.recording import RecordingError
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.policy.detectors.detectors import Detectors, compile_detectors
from helm_boundary.policy.engines.embedded import EmbeddedEngine, start_embedded
from helm_boundary.policy.errors import EngineError
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.replay.learning import learn_data
from helm_boundary.replay.recorded import RecordedCall, Recording, read_recording

from .exits import INCOMPLETE, NO, YES, CommandError, ending_on
from .policy_options import key_option, policy_errors, say_json
from .policy_source import PolicySource
from .state_options import json_option

DEADLINE_MS = 5_000
DEFAULT = "-"  # in place of a folder: the default policy alone

flows_option = click.option(
    "--flows",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Recorded traffic (mitmdump -w FILE).",
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A policy's verdict on one phase of a call; ``error`` where it has none."""

    phase: str
    verdict: str
    rules: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.verdict} ({', '.join(self.rules)})" if self.rules else self.verdict


class Asked:
    """One policy, ready to be asked about recorded calls."""

    def __init__(self, engine: EmbeddedEngine, detectors: Detectors) -> None:
        self._engine = engine
        self._detectors = detectors
        self._commands = command_reader(engine.policy.data)

    def judge(self, call: RecordedCall) -> Iterator[Judgement]:
        """Yield the policy's judgement of the request and, where that is allowed, the response."""
        for phase, decision in self.decide(call):
            if isinstance(decision, EngineError):
                yield Judgement(phase, "DENY", ("PDP_ERROR",))
            else:
                rules = sorted({reason.rule for reason in decision.reasons})
                rewrites = ("rewritten",) if decision.rewrite else ()
                yield Judgement(phase, decision.verdict, (*rules, *rewrites))

    def decide(self, call: RecordedCall) -> Iterator[tuple[str, Decision | EngineError]]:
        """Yield the policy's decisions, one for each phase, up to the first that isn't ALLOW."""
        for phase, document in call.documents(self._detectors, self._commands):
            try:
                decision = self._engine.decide_now(document)
            except EngineError as error:
                yield phase, error
                return
            yield phase, decision
            if decision.verdict != ALLOW:
                return


@contextmanager
def asked(folders: Sequence[Path], key: Path | None = None) -> Iterator[Asked]:
    """Start the policy of the folders for as long as the block runs."""
    with policy_errors():
        policy = read_policy(folders, key=key)
        detectors = compile_detectors(policy.detectors_text)
        engine = start_embedded(policy, deadline_ms=DEADLINE_MS)
    try:
        yield Asked(engine, detectors)
    finally:
        engine.close()


def recording_of(flows: Path) -> Recording:
    """Read the recording in a file; exit code 2 when it is none."""
    with ending_on(RecordingError):
        return read_recording(flows)


@click.command("diff")
@click.argument("old", type=PolicySource(allow_dash=True))
@click.argument("new", type=PolicySource(allow_dash=True))
@flows_option
@key_option
@json_option
@click.pass_context
def diff(
    context: click.Context, old: Path, new: Path, flows: Path, key: Path | None, as_json: bool
) -> None:
    """Judge recorded traffic under two policies and show every call that would end differently.

    OLD and NEW are policy folders or bundles; - is the default policy alone. Exit codes: 0
    nothing changes, 1 something does, 3 nothing does, but not all calls could be read.
    """
    recording = recording_of(flows)
    changed = 0
    with asked(_folders(old), key) as before, asked(_folders(new), key) as after:
        console = Console(stderr=True)
        quiet = not console.is_terminal
        for call in track(recording.calls, "Judging", console=console, disable=quiet):
            one, two = tuple(before.judge(call)), tuple(after.judge(call))
            if one != two:
                changed += 1
                _print_change(call, one, two, as_json)
    if not as_json:
        click.echo(f"{changed} of {len(recording.calls)} calls would end otherwise")
        if recording.unreadable:
            click.echo(f"{recording.unreadable} more calls the boundary refuses by itself")
    context.exit(NO if changed else INCOMPLETE if recording.unreadable else YES)


def _folders(folder: Path) -> tuple[Path, ...]:
    return () if str(folder) == DEFAULT else (folder,)


def _print_change(
    call: RecordedCall, one: Sequence[Judgement], two: Sequence[Judgement], as_json: bool
) -> None:
    about = {
        "flow": call.number,
        "operation": call.read.operation.id,
        "model": call.read.call.model,
        "host": call.host,
    }
    if as_json:
        say_json(about | {"old": [_plain(j) for j in one], "new": [_plain(j) for j in two]})
        return
    click.echo(f"flow {call.number}: {about['operation']} {about['model'] or ''} at {call.host}")
    for name, judgements in (("old", one), ("new", two)):
        said = "; ".join(f"{judgement.phase} {judgement}" for judgement in judgements)
        click.echo(f"  {name}: {said}")


def _plain(judgement: Judgement) -> dict[str, object]:
    rules = list(judgement.rules)
    return {"phase": judgement.phase, "verdict": judgement.verdict, "rules": rules}


@click.command("learn")
@flows_option
@click.pass_context
def learn(context: click.Context, flows: Path) -> None:
    """Propose a data.yaml from recorded traffic: models, hosts, operations, tools.

    Review the proposal: it lists what was seen, not what is right.
    """
    recording = recording_of(flows)
    if not recording.calls:
        raise CommandError(f"{flows}: has no calls to learn from")
    click.echo(learn_data(recording.calls), nl=False)
    context.exit(INCOMPLETE if recording.unreadable else YES)
