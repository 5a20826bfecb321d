"""`helm-boundary receipts`: look at receipts and verify them.

Exit codes: 0 yes, 1 no, 2 usage or I/O, 3 true but incomplete.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from helm_boundary.cli.receipt_checks import consistency, fsck_folder, prove_one, verify
from helm_boundary.cli.receipt_log import erase_opening, export, integrate
from helm_boundary.cli.state_options import (
    INCOMPLETE,
    NO,
    YES,
    io_errors,
    journal_of,
    json_option,
    selection_options,
    state_option,
)
from helm_boundary.cli.trust import Trust, trust_for
from helm_receipts.checkpoint import parse_checkpoint
from helm_receipts.dsse import parse_line
from helm_receipts.errors import ReceiptError
from helm_receipts.explain import explain, printable
from helm_receipts.layout import Layout
from helm_receipts.openings import Erased, digest_of, opens, salt_of
from helm_receipts.proof import prove
from helm_receipts.publish import read_published
from helm_receipts.reader import Record, find_record
from helm_receipts.select import Follower, Selection, select
from helm_receipts.verify import NOT_PROVEN, verify_receipt

_POLL_SECONDS = 0.5


@click.group()
def receipts() -> None:
    """Look at receipts and verify them."""


@receipts.command("list")
@state_option
@json_option
@selection_options
@click.option("--limit", type=click.IntRange(0), default=100, help="The latest N; 0 for all.")
def list_receipts(state: Layout, as_json: bool, limit: int, **filters: str | None) -> None:
    """List receipts, the latest last."""
    with io_errors():
        chosen = select(journal_of(state), Selection(**filters))
        for record in deque(chosen, maxlen=limit) if limit else chosen:
            _print_row(record, as_json)


@receipts.command()
@state_option
@json_option
@selection_options
@click.option("-n", "--lines", type=click.IntRange(0), default=10, help="Start with the last N.")
@click.option("-f", "--follow", is_flag=True, help="Go on as receipts come in.")
def tail(state: Layout, as_json: bool, lines: int, follow: bool, **filters: str | None) -> None:
    """Show the latest receipts, and with -f those to come."""
    with io_errors():
        follower, selection = Follower(journal_of(state)), Selection(**filters)
        for record in deque(filter(selection.matches, follower.poll()), maxlen=lines):
            _print_row(record, as_json)
        while follow:
            time.sleep(_POLL_SECONDS)
            for record in filter(selection.matches, follower.poll()):
                _print_row(record, as_json)


@receipts.command()
@state_option
@json_option
@click.argument("identity", metavar="ID")
def show(state: Layout, as_json: bool, identity: str) -> None:
    """Explain one receipt."""
    with io_errors():
        record = find_record(journal_of(state), identity)
        if as_json:
            click.echo(json.dumps({"id": record.id, "sha256": record.digest} | record.statement))
            return
        click.echo("\n".join(explain(record)))
        trust = trust_for(state)
        try:
            _verify(record, trust)
        except ReceiptError as error:
            click.echo(f"  signature   NOT VERIFIED: {error}")
            raise SystemExit(NO) from error
        click.echo(f"  signature   verified, with a key {trust.whose}")


@receipts.command("explain")
@state_option
@click.option("--opening", "role", metavar="ROLE", help="Print the salt of this body's digest.")
@click.option(
    "--body",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --opening: check that the digest is of this file.",
)
@click.argument("identity", metavar="ID")
def explain_one(state: Layout, role: str | None, body: Path | None, identity: str) -> None:
    """Explain one receipt: what happened, why, what is proven and what isn't.

    \b
    Bodies have roles: request, response, event.
    """
    with io_errors():
        record = find_record(journal_of(state), identity)
        click.echo("\n".join(explain(record)))
        if role is not None:
            raise SystemExit(_open(state, record, role, body))
        for line in (*_proven(state, record), "Not proven:", *_bullets(NOT_PROVEN)):
            click.echo(line)


def _proven(state: Layout, record: Record) -> Iterator[str]:
    trust = trust_for(state)
    yield "Proven:"
    try:
        _verify(record, trust)
        yield f"  - a key {trust.whose} signed exactly this"
    except ReceiptError as error:
        yield f"  - nothing: {error}"
        return
    try:
        proof = prove(state, read_published(state), record)
        size = parse_checkpoint(proof.note).size
        yield f"  - it is number {proof.index} in the log of {size} entries, under its checkpoint"
    except ReceiptError as error:
        yield f"  - not that it is in the log: {error}"
    yield f"  - `receipts fsck` and `receipts verify` check {record.id} against all others"


def _open(state: Layout, record: Record, role: str, body: Path | None) -> int:
    """Print how to check a digest; whether a body is the one, as an exit code."""
    digest = digest_of(record, role)
    try:
        salt = salt_of(state.keys, record, role)
    except Erased as error:
        click.echo(f"  {role:<11} ERASED: {error}")
        return INCOMPLETE
    click.echo(f"  {role:<11} sha256 {digest}")
    click.echo(f"  salt        {salt.hex()}")
    click.echo("  check with  (printf 'helm-opening/v1\\n'; printf %s SALT | xxd -r -p; cat BODY)")
    click.echo("              | sha256sum")
    if body is None:
        return YES
    same = opens(state.keys, record, role, body.read_bytes())
    click.echo(f"  {body} {'is' if same else 'IS NOT'} what was judged")
    return YES if same else NO


def _verify(record: Record, trust: Trust) -> None:
    verify_receipt(record.envelope, trust.key_of(parse_line(record.envelope).keyid))


def _bullets(claims: Iterable[str]) -> Iterator[str]:
    return (f"  - {claim}" for claim in claims)


def _print_row(record: Record, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"id": record.id} | record.predicate))
        return
    said = record.predicate
    flow, event = said.get("flow") or {}, said.get("event") or {}
    what = flow.get("operation") or event.get("kind", "")
    end = (said.get("outcome") or {}).get("end", "")
    codes = ",".join(reason["code"] for reason in said["reasons"])
    row = (
        f"{said['decidedAt'][:23]}Z  {record.id:<16}  {said['phase']:<9} {said['verdict']:<8}  "
        f"{what:<24}  {flow.get('model') or '':<20}  {end or codes}"
    )
    click.echo(printable(row).rstrip())


for command in (verify, fsck_folder, prove_one, consistency, export, integrate, erase_opening):
    receipts.add_command(command)
