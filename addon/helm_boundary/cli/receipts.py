"""`helm-boundary receipts`: look at receipts and verify them.

Exit codes: 0 yes, 1 no, 2 usage or I/O, 3 true but incomplete.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import click

from helm_boundary.decision_logs.event import event_of
from helm_receipts.audit.single_receipt import verify_receipt
from helm_receipts.audit.verify import NOT_PROVEN
from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.envelope.statement import STREAM
from helm_receipts.errors import Broken, ReceiptError
from helm_receipts.export.explain import explain, printable
from helm_receipts.export.select import Follower
from helm_receipts.export.sentences import is_observed, sentence
from helm_receipts.export.verified import verify_present
from helm_receipts.journal.reader import find_record
from helm_receipts.layout import Layout
from helm_receipts.log.proof import prove_under
from helm_receipts.printing import while_read
from helm_receipts.recording.openings import Erased, digest_of, opens, salt_of

from .exits import INCOMPLETE, NO, YES
from .receipt_checks import consistency, fsck_folder, verify
from .receipt_export import Unverified, export, prove_one
from .receipt_filters import chosen, selection, selection_options, tell_nothing
from .receipt_log import erase_opening, integrate
from .receipt_pull import pull_receipts
from .receipt_retention import archive, prune_old
from .state_copies import readable_state_option
from .state_options import io_errors, journal_of, json_option
from .verification_keys import Trust, trust_for

_POLL_SECONDS = 0.5


@click.group()
def receipts() -> None:
    """List, explain, verify and export receipts."""


@receipts.command("list")
@readable_state_option()
@json_option
@selection_options
@click.option(
    "--limit", type=click.IntRange(0, sys.maxsize), default=100, help="How many to show; 0 for all."
)
def list_receipts(state: Layout, as_json: bool, limit: int, **filters: str | None) -> None:
    """List receipts, latest last, without verifying them."""
    with io_errors():
        journal_of(state)
        found, shown = chosen(state, filters), 0
        for record in deque(found, maxlen=limit) if limit else found:
            _print_row(record, as_json)
            shown += 1
        if not shown:
            tell_nothing(state, filters)


@receipts.command()
@readable_state_option(follows=True)
@json_option
@selection_options
@click.option("-n", "--lines", type=click.IntRange(0), default=10, help="How many to start with.")
@click.option("-f", "--follow", is_flag=True, help="Keep running and show new receipts.")
def tail(state: Layout, as_json: bool, lines: int, follow: bool, **filters: str | None) -> None:
    """Show the latest receipts, and with -f also new ones."""
    with io_errors():
        follower, wanted = Follower(journal_of(state)), selection(state, filters)
        for record in deque(filter(wanted.matches, follower.poll()), maxlen=lines):
            _print_row(record, as_json)
        while follow:
            time.sleep(_POLL_SECONDS)
            for record in filter(wanted.matches, follower.poll()):
                _print_row(record, as_json)


@receipts.command()
@readable_state_option(follows=True)
@selection_options
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json", "decision-log")),
    default="text",
    show_default=True,
    help="text: a row each. json: as the receipt says it. decision-log: OPA's shape.",
)
@click.option("--from-start", is_flag=True, help="Begin with the first receipt there is.")
def follow(state: Layout, form: str, from_start: bool, **filters: str | None) -> None:
    """Print each receipt as it comes, for a SIEM to read.

    One per line; runs until it is stopped.
    """
    with io_errors():
        follower, wanted = Follower(journal_of(state)), selection(state, filters)
        if not from_start:
            deque(follower.poll(), maxlen=0)
        while True:
            for record in filter(wanted.matches, follower.poll()):
                if form == "decision-log":
                    click.echo(json.dumps(event_of(record)))
                else:
                    _print_row(record, form == "json")
            time.sleep(_POLL_SECONDS)


@receipts.command()
@readable_state_option()
@json_option
@click.argument("identity", metavar="ID")
def show(state: Layout, as_json: bool, identity: str) -> None:
    """Show one receipt, and whether its signature verifies."""
    with io_errors():
        record, trust = _find(state, identity), trust_for(state)
        why = _unverified(state, record, trust)
    with while_read():  # the exit code says it all the same
        if as_json:
            told = {"verified": why is None, "key": trust.whose, "notVerified": str(why or "")}
            told |= {"id": record.id, "sha256": record.digest} | record.statement
            click.echo(json.dumps(told))
        else:
            if why is not None:
                click.echo("NOT VERIFIED: nobody vouches for what follows")
            click.echo("\n".join(explain(record)))
            said = f"verified, with a key {trust.whose}" if why is None else f"NOT VERIFIED: {why}"
            click.echo(f"  signature   {said}")
    raise SystemExit(YES if why is None else NO)


@receipts.command("explain")
@readable_state_option()
@click.option(
    "--opening",
    "role",
    metavar="ROLE",
    help="Print the salt of a digest, by its name as `receipts explain` says it: request, "
    "response, responseStream, responseReceived, sentInstead or event.",
)
@click.option(
    "--body",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --opening: check that the digest is of this file.",
)
@click.argument("identity", metavar="ID")
def explain_one(state: Layout, role: str | None, body: Path | None, identity: str) -> None:
    """Explain one receipt, and what is proven.

    What happened, why, what is proven of it and what isn't.
    """
    with io_errors():
        record, trust = _find(state, identity), trust_for(state)
        why = _unverified(state, record, trust)
        if why is not None:
            click.echo("NOT VERIFIED: nobody vouches for what follows")
        click.echo("\n".join(explain(record)))
        if why is not None:
            click.echo(f"Proven:\n  - nothing: {why}")
            raise SystemExit(NO)
        if role is not None:
            raise SystemExit(_open(state, record, role, body))
        for line in (*_proven(state, record, trust), "Not proven:", *_bullets(NOT_PROVEN)):
            click.echo(line)


def _find(state: Layout, identity: str) -> Record:
    try:
        return find_record(journal_of(state), identity)
    except Broken as error:
        raise Unverified(error) from error


def _proven(state: Layout, record: Record, trust: Trust) -> Iterator[str]:
    yield "Proven:"
    yield f"  - a key {trust.whose} signed exactly this"
    try:
        proof = prove_under(state, _key(state, record, trust), trust.log_keys[-1], record)
        size = parse_checkpoint(proof.note).size
        yield f"  - it is number {proof.index} in the log of {size} entries, under its checkpoint"
    except ReceiptError as error:
        yield f"  - not that it is in the log: {error}"
    yield f"  - `receipts fsck` and `receipts verify` check {record.id} against all others"


def _open(state: Layout, record: Record, role: str, body: Path | None) -> int:
    """Print how to check a digest; the exit code says whether a body is the one."""
    digest = digest_of(record, role)
    try:
        salt = salt_of(state.keys, record, role)
    except Erased as error:
        click.echo(f"  {role:<11} ERASED: {error}")
        return INCOMPLETE
    click.echo(f"  {role:<11} sha256 {digest}")
    click.echo(f"  salt        {salt.hex()}")
    content = "sha256sum BODY | xxd -r -p" if role == STREAM else "cat BODY"
    click.echo("  check with  (printf 'helm-opening/v1\\n'; printf %s SALT | xxd -r -p;")
    click.echo(f"               {content})")
    click.echo("              | sha256sum")
    if body is None:
        return YES
    same = opens(state.keys, record, role, body.read_bytes())
    click.echo(f"  {body} {'is' if same else 'IS NOT'} what was judged")
    return YES if same else NO


def _unverified(state: Layout, record: Record, trust: Trust) -> ReceiptError | None:
    """Return why a receipt doesn't verify by itself, or None."""
    try:
        verify_receipt(record.envelope, _key(state, record, trust))
    except ReceiptError as error:
        return trust.name_rightly(state, error)
    return None


def _key(state: Layout, record: Record, trust: Trust) -> PublicKey:
    """Return the key that a receipt names, if it is trusted, or a trusted one handed over to it."""
    keyid = parse_line(record.envelope).keyid
    if keyid not in {key.keyid for key in trust.receipt_keys}:
        with suppress(ReceiptError):
            followed = verify_present(state.journal, trust.receipt_keys).keys
            return followed.get(keyid, trust.receipt_keys[0])
    return trust.key_of(keyid)


def _bullets(claims: Iterable[str]) -> Iterator[str]:
    return (f"  - {claim}" for claim in claims)


def _print_row(record: Record, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"id": record.id} | record.predicate))
        return
    said = record.predicate
    verdict = f"{said['verdict']} (OBSERVED)" if is_observed(said) else said["verdict"]
    row = (
        f"{said['decidedAt'][:19]}Z  {record.id:<16}  {said['phase']:<9} {verdict:<8}  "
        f"{sentence(said)}"
    )
    click.echo(printable(row).rstrip())


_COMMANDS = (
    verify,
    fsck_folder,
    prove_one,
    consistency,
    export,
    integrate,
    pull_receipts,
    archive,
    prune_old,
    erase_opening,
)
for command in _COMMANDS:
    receipts.add_command(command)
