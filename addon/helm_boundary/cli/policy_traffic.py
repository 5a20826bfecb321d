"""`helm-boundary policy diff` and `learn`: what a policy means for calls of the past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from helm_boundary.replay import receipt_calls
from helm_boundary.replay.learning import learn_data, seen_in
from helm_boundary.replay.mcp_learning import propose_servers, servers_in
from helm_boundary.replay.receipt_calls import ReceiptCall
from helm_boundary.replay.recorded import RecordedCall
from helm_boundary.replay.told_rules import judged_by_receipts
from helm_receipts.export.select import Selection, select
from helm_receipts.layout import Layout

from .exits import INCOMPLETE, NO, YES, CommandError
from .policy_asked import Asked, Documents, Judgement, asked, policy_at, recording_of
from .policy_options import key_option, say_json, traffic_options
from .policy_source import PolicySources
from .state_options import io_errors, journal_of, json_option

DATA = "data.yaml"

type Compared = tuple[Mapping[str, Any], Documents, Documents]
"""A call in a few words, and its documents as either policy sees them."""


@click.command("diff")
@click.argument("policies", nargs=-1, metavar="[OLD] NEW", type=PolicySources(allow_dash=True))
@traffic_options
@key_option
@json_option
@click.pass_context
def diff(
    context: click.Context,
    policies: tuple[tuple[Path, ...], ...],
    flows: Path | None,
    state: Layout | None,
    key: Path | None,
    as_json: bool,
) -> None:
    """Compare two policies on calls of the past.

    Every call that would end differently is shown.

    OLD and NEW are policy folders, bundles or profile:NAME, several with commas between them; - is
    the default policy alone, and so is OLD where it isn't given. With --flows exit codes are 0
    nothing changes, 1 something does, 3 nothing does, but not all could be read. With --receipts
    it is 0: receipts have no arguments and no texts, and the rules that read those are named.
    """
    if not 1 <= len(policies) <= 2:
        raise click.UsageError("expected one policy or two: [OLD] NEW")
    before, after = (policy_at(each, key) for each in ((), *policies)[-2:])
    if state is not None:
        (before, _), (after, unjudged) = judged_by_receipts(before), judged_by_receipts(after)
        with io_errors():
            calls = receipt_calls.receipt_calls(journal_of(state))
        with asked(before) as old, asked(after) as new:
            changed = _compare([_of_receipts(call) for call in calls], old, new, as_json)
        _say_count(changed, len(calls), as_json)
        _say_unjudged(unjudged, as_json)
        _say_gaps(receipt_calls.gaps(calls), as_json)
        return
    recording = recording_of(_given(flows))
    with asked(before) as old, asked(after) as new:
        compared = [_of_recorded(call, old, new) for call in recording.calls]
        changed = _compare(compared, old, new, as_json)
    _say_count(changed, len(recording.calls), as_json)
    if not as_json:
        _say_gaps(recording.gaps(), as_json)
    elif recording.missing:
        say_json({"missing": recording.missing})
    context.exit(NO if changed else YES if recording.is_whole else INCOMPLETE)


def _given(flows: Path | None) -> Path:
    if flows is None:
        raise click.UsageError("expected either --flows FILE or --receipts")
    return flows


def _of_receipts(call: ReceiptCall) -> Compared:
    documents = [*call.documents()]
    about = {"receipt": call.receipt, "operation": call.flow["operation"]}
    return about | {"model": call.model, "host": call.host}, documents, documents


def _of_recorded(call: RecordedCall, old: Asked, new: Asked) -> Compared:
    read = call.read
    about = {"flow": call.number, "operation": read.operation.id, "model": read.call.model}
    return about | {"host": call.host}, old.documents(call), new.documents(call)


def _compare(calls: Sequence[Compared], old: Asked, new: Asked, as_json: bool) -> int:
    """Print every call that would end otherwise; returns how many."""
    console = Console(stderr=True)
    changed = 0
    for about, before, after in track(
        calls, "Judging", console=console, disable=not console.is_terminal
    ):
        one, two = tuple(old.judge(before)), tuple(new.judge(after))
        if one != two:
            changed += 1
            _print_change(about, one, two, as_json)
    return changed


def _say_count(changed: int, of: int, as_json: bool) -> None:
    if not as_json:
        click.echo(f"{changed} of {of} calls would end otherwise")


def _say_gaps(lines: Iterable[str], as_json: bool) -> None:
    for line in lines:
        if as_json:
            say_json({"missing": line})
        else:
            click.echo(line)


def _say_unjudged(rules: Sequence[str], as_json: bool) -> None:
    if as_json:
        say_json({"not_judged": list(rules)})
    elif rules:
        click.echo(f"not judged, as receipts don't have what they read: {', '.join(rules)}")
        click.echo("a recording has it: run with -w FILE, then judge that with --flows FILE")


def _print_change(
    about: Mapping[str, Any], one: Sequence[Judgement], two: Sequence[Judgement], as_json: bool
) -> None:
    if as_json:
        say_json({**about, "old": [_plain(j) for j in one], "new": [_plain(j) for j in two]})
        return
    name, value = next(iter(about.items()))
    model = about["model"] or ""
    click.echo(f"{name} {value}: {about['operation']} {model} at {about['host']}")
    for whose, judgements in (("old", one), ("new", two)):
        said = "; ".join(f"{judgement.phase} {judgement}" for judgement in judgements)
        click.echo(f"  {whose}: {said}")


def _plain(judgement: Judgement) -> dict[str, object]:
    rules = list(judgement.rules)
    return {"phase": judgement.phase, "verdict": judgement.verdict, "rules": rules}


@click.command("learn")
@traffic_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="A policy folder to write the proposal into, as data.yaml; else it is printed.",
)
@click.pass_context
def learn(
    context: click.Context, flows: Path | None, state: Layout | None, output: Path | None
) -> None:
    """Propose a data.yaml from calls of the past.

    Models, hosts, operations and tools; with --receipts also MCP servers, and pins of the tools
    that they listed.

    Review the proposal: it lists what was seen, not what is right. Exit codes: 0 written, 2 there
    is nothing to learn from, 3 written, but something isn't in what it was learnt from.
    """
    if state is not None:
        with io_errors():
            told = receipt_calls.receipt_calls(journal_of(state))
            receipts = select(journal_of(state), Selection())
            servers = servers_in(receipt.predicate for receipt in receipts)
        seen = (call.seen for call in told)
        proposal = learn_data(seen, "receipts", propose_servers(servers))
        count, missing = len(told), [*receipt_calls.gaps(told)]
    else:
        recording = recording_of(_given(flows))
        proposal = learn_data(map(seen_in, recording.calls))
        count, missing = len(recording.calls), [*recording.gaps()]
    if not count:
        raise CommandError(f"{state.state if state else flows}: has no calls to learn from")
    notes = "".join(f"# Not in it: {line}.\n" for line in missing)
    _write(notes + proposal, output)
    if output is not None:
        for line in missing:
            click.echo(line, err=True)
    context.exit(INCOMPLETE if missing else YES)


def _write(proposal: str, folder: Path | None) -> None:
    if folder is None:
        click.echo(proposal, nl=False)
        return
    place = folder / DATA
    with io_errors():
        folder.mkdir(parents=True, exist_ok=True)
        if place.exists():
            raise CommandError(f"{place}: is there already; name another folder, or move it away")
        place.write_text(proposal, "utf-8")
    click.echo(place)
