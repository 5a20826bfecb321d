"""`helm-boundary receipts`: look at receipts and verify them.

Exit codes: 0 yes, 1 no, 2 usage or I/O, 3 true but incomplete.
"""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path
from typing import Any

import click

from helm_boundary.cli.state_options import (
    INCOMPLETE,
    NO,
    YES,
    StateError,
    io_errors,
    json_option,
    selection_options,
    state_option,
)
from helm_receipts import verify as verification
from helm_receipts.errors import Broken, ReceiptError
from helm_receipts.explain import explain, printable
from helm_receipts.keys import PublicKey, load, read_public_key
from helm_receipts.layout import Layout
from helm_receipts.reader import Record, find_record
from helm_receipts.select import Follower, Selection, select

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
        chosen = select(_journal(state), Selection(**filters))
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
        follower, selection = Follower(_journal(state)), Selection(**filters)
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
        record = find_record(_journal(state), identity)
        if as_json:
            click.echo(json.dumps({"id": record.id, "sha256": record.digest} | record.statement))
            return
        click.echo("\n".join(explain(record)))
        trusted, whose = _trusted(state, ())
        try:
            verification.verify_receipt(record.envelope, trusted[0])
        except ReceiptError as error:
            click.echo(f"  signature   NOT VERIFIED: {error}")
            raise SystemExit(NO) from error
        click.echo(f"  signature   verified with key {trusted[0].keyid[:16]}… ({whose})")


@receipts.command()
@state_option
@json_option
@click.option(
    "--key",
    "key_files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A receipt key that you trust, in PEM.",
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def verify(
    state: Layout, as_json: bool, key_files: tuple[Path, ...], files: tuple[Path, ...]
) -> None:
    """Verify receipts in FILES, or every journal of the state folder."""
    with io_errors():
        trusted, whose = _trusted(state, key_files)
        result = _verify_files(files, trusted) if files else _verify_journal(state, trusted)
    result["key"] = whose
    if result["exit"] == YES and whose == FROM_FOLDER:
        result["exit"] = INCOMPLETE
    _print_result(result, as_json)
    raise SystemExit(result["exit"])


FROM_FOLDER = "found in the folder itself, which shows that it is consistent, not whose it is"


def _trusted(state: Layout, key_files: tuple[Path, ...]) -> tuple[list[PublicKey], str]:
    """The keys to verify with, and where they came from."""
    if key_files:
        named = [read_public_key(path.read_bytes()) for path in key_files]
        return named, "named by you"
    own = state.keys / "receipt.pem"
    if own.exists():
        return [load(own, "receipt").public], "this state folder's own private key"
    published = state.log / "receipt.pub.pem"
    if published.exists():
        return [read_public_key(published.read_bytes())], FROM_FOLDER
    raise StateError(f"no key to verify with: name one with --key, or look into {state.state}")


def _verify_files(files: tuple[Path, ...], trusted: list[PublicKey]) -> dict[str, Any]:
    count = 0
    for path in files:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                _verify_one(line, trusted)
            except ReceiptError as error:
                return {"exit": NO, "bad": f"{path}, line {number}: {error}", "receipts": count}
            count += 1
    checked = "the signature and the form of each receipt by itself"
    return {"exit": YES if count else NO, "receipts": count, "checked": checked}


def _verify_one(line: bytes, trusted: list[PublicKey]) -> None:
    refusal: ReceiptError | None = None
    for key in trusted:
        try:
            verification.verify_receipt(line, key)
        except ReceiptError as error:
            refusal = error
        else:
            return
    if refusal is not None:
        raise refusal


def _verify_journal(state: Layout, trusted: list[PublicKey]) -> dict[str, Any]:
    try:
        report = verification.verify_journal(_journal(state), trusted)
    except Broken as error:
        return {"exit": NO, "bad": str(error), "kind": error.kind, "place": error.place}
    return {
        "exit": YES if report.is_complete else INCOMPLETE,
        "checked": "each writer's chain, signatures, times, and one outcome for each request",
        "receipts": report.receipts,
        "calls": report.calls,
        "writers": report.writers,
        "openCalls": report.open_calls,
        "running": report.running,
        "torn": list(report.torn),
    }


def _print_result(result: dict[str, Any], as_json: bool) -> None:
    result = result | {"notProven": list(verification.NOT_PROVEN)}
    if as_json:
        click.echo(json.dumps(result))
        return
    word = {YES: "VERIFIED", NO: "NOT VERIFIED", INCOMPLETE: "TRUE BUT INCOMPLETE"}
    click.echo(word[result["exit"]])
    for name in ("bad", "checked", "receipts", "calls", "writers", "openCalls", "running", "key"):
        if result.get(name) not in (None, ""):
            click.echo(f"  {_LABELS[name]:<13}{printable(str(result[name]))}")
    for place in result.get("torn", ()):
        click.echo(f"  torn         {place}: never acknowledged, moved away at the next start")
    click.echo("This does not prove")
    for claim in verification.NOT_PROVEN:
        click.echo(f"  - {claim}")


_LABELS = {
    "bad": "first bad",
    "checked": "checked",
    "receipts": "receipts",
    "calls": "calls",
    "writers": "writers",
    "openCalls": "calls open",
    "running": "not stopped",
    "key": "key",
}


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


def _journal(state: Layout) -> Path:
    if not state.journal.is_dir():
        raise StateError(
            f"expected receipts in {state.state}, found none: name the state folder with --state"
        )
    return state.journal
