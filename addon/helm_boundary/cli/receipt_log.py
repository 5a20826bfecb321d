"""`helm-boundary receipts integrate | export | erase`: the log, copies for others, and oblivion."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import click

from helm_boundary import __version__
from helm_boundary.cli.receipt_results import progress_bar
from helm_boundary.cli.state_options import (
    NO,
    StateError,
    io_errors,
    journal_of,
    selection_options,
    state_option,
)
from helm_receipts import receipt_v5
from helm_receipts.bundle import logged_bundle, plain_bundle
from helm_receipts.dsse import parse_line
from helm_receipts.errors import LogError
from helm_receipts.keyset import open_keyset
from helm_receipts.layout import Layout
from helm_receipts.log import Log
from helm_receipts.openings import erase
from helm_receipts.proof import prove
from helm_receipts.publish import read_published
from helm_receipts.reader import Record, find_record, read_records
from helm_receipts.rebuild import rebuild
from helm_receipts.recorder import Recorder
from helm_receipts.select import Selection, select
from helm_receipts.statement import Draft

CONFIGURATION = hashlib.sha256(b"helm-boundary command line").hexdigest()
"""What sessions of this command say for a configuration: it judges nothing."""

FORMATS = ("intoto", "bundle", "bundle-with-log", "receipt.v5")


@click.command()
@state_option
@click.option("--rebuild", "anew", is_flag=True, help="Make the tiles anew from the journals.")
def integrate(state: Layout, anew: bool) -> None:
    """Bring the log up with the journals, while no boundary runs."""
    with io_errors():
        journal_of(state)
        try:
            keys = open_keyset(state)
            with progress_bar("integrate") as progress:
                if anew:
                    rebuild(state, keys.published, progress)
                log = Log(state, keys.origin, keys.log)
                try:
                    while log.integrate(keys.published.receipt_key, limit=4096):
                        progress(log.size, log.size)
                finally:
                    log.close()
        except BlockingIOError as error:
            raise StateError("a running boundary has this log and keeps it up by itself") from error
        except LogError as error:
            click.echo(str(error), err=True)
            raise SystemExit(NO) from error
    click.echo(f"{log.size} receipts in the log")


@click.command()
@state_option
@selection_options
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="For whom.")
@click.option("-o", "--output", type=click.File("wb"), default="-", help="A file; else stdout.")
@click.argument("identities", metavar="[ID]...", nargs=-1)
def export(
    state: Layout,
    form: str,
    output: BinaryIO,
    identities: tuple[str, ...],
    **filters: str | None,
) -> None:
    """Write receipts for other tools, one a line: those named, or all that match.

    \b
    intoto            DSSE envelopes, as *.intoto.jsonl
    bundle            Sigstore bundles v0.3
    bundle-with-log   the same with the log's entry and proof
    receipt.v5        HELM's own receipts of calls, a bundle for each session
    """
    with io_errors():
        journal_of(state)
        for text in _exported(state, form, identities, Selection(**filters)):
            output.write(text + b"\n")


@click.command("erase")
@state_option
@click.confirmation_option(prompt="No digest under this key can ever be opened again. Erase it?")
@click.argument("key", metavar="OPENING-KEY")
def erase_opening(state: Layout, key: str) -> None:
    """Delete an opening key, so that the digests under it mean nothing to anybody."""
    with io_errors():
        journal_of(state)
        recorder = Recorder.open(state.state, version=__version__, configuration=CONFIGURATION)
        try:
            erase(state.keys, key)
            receipt = recorder.record_now(_erased(key))
        finally:
            recorder.close()
    click.echo(f"erased {key}, as receipt {receipt.id} says")


def _exported(
    state: Layout, form: str, identities: tuple[str, ...], selection: Selection
) -> Iterator[bytes]:
    if form == "receipt.v5":
        yield from _receipts_v5(state, identities, selection)
        return
    if identities:
        records: Iterator[Record] = (find_record(state.journal, i) for i in identities)
    else:
        records = select(state.journal, selection)
    for record in records:
        yield record.envelope if form == "intoto" else _json(_bundle(state, form, record))


def _bundle(state: Layout, form: str, record: Record) -> dict[str, Any]:
    if form == "bundle":
        return plain_bundle(record.envelope)
    published = read_published(state)
    key = published.receipt_key(parse_line(record.envelope).keyid)
    proof = prove(state, published, record)
    return logged_bundle(record.envelope, key, proof, published.log[-1].key)


def _receipts_v5(
    state: Layout, identities: tuple[str, ...], selection: Selection
) -> Iterator[bytes]:
    """A chain is over a whole session, so that is what is exported when any of it is wanted."""
    key = open_keyset(state).receipt
    wanted = set(identities) or {record.id for record in select(state.journal, selection)}
    for bundle in receipt_v5.export(read_records(state.journal), key):
        if wanted & {receipt["receipt_id"] for receipt in bundle["receipts"]}:
            yield _json(bundle)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _erased(key: str) -> Draft:
    return Draft.of_recorder("key", {"keyId": key, "kind": "erased", "role": "opening"})
