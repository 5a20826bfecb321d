"""`helm-boundary receipts export | prove`: copies for others, of what was verified.

What leaves here is taken for true by whoever gets it, and some of it is signed anew. So every
journal is verified first, under the keys that the folder is known by, and held against the log's
length; where anything is wrong, nothing is written at all.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from helm_receipts.envelope.checkpoint import verify_by_any
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import Broken, LogError, ProofRefused, ReceiptError
from helm_receipts.export import receipt_v5
from helm_receipts.export.bundle import logged_bundle, plain_bundle
from helm_receipts.export.select import Selection
from helm_receipts.export.verified import VerifiedJournals, verify_present
from helm_receipts.layout import Layout
from helm_receipts.log.inclusion import InclusionProof
from helm_receipts.log.pending import check_cursors
from helm_receipts.log.proof import proof_file, prove_under
from helm_receipts.log.tree import read_tree
from helm_receipts.recording.keyset import SIGNER, signing_key

from .exits import INCOMPLETE, NO, YES, CommandError
from .receipt_delivery import deliver, deliver_sessions, is_folder, refuse_several
from .receipt_filters import selection, selection_options
from .receipt_results import progress_bar
from .state_copies import readable_state_option
from .state_options import io_errors, journal_of, key_options
from .verification_keys import FOUND, Trust, trust_for

FORMATS = ("intoto", "bundle", "bundle-with-log", "receipt.v5")
_IN_MEMORY = 2**24
_CONTRADICTIONS = (Broken, LogError, ProofRefused)


class Unverified(CommandError):
    """Something that doesn't verify, and so isn't handed on: exit code 1."""

    def __init__(self, error: ReceiptError) -> None:
        super().__init__(f"this doesn't verify, so it isn't handed on: {error}", NO)


@click.command()
@readable_state_option()
@key_options
@selection_options
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="Output format.")
@click.option(
    "-o",
    "--output",
    type=click.Path(allow_dash=True),
    default="-",
    help="Output file, or for receipt.v5 a folder; standard output by default.",
)
@click.argument("identities", metavar="[ID]...", nargs=-1)
def export(
    state: Layout,
    keys: tuple[Path, ...],
    vkey: str | None,
    form: str,
    output: str,
    identities: tuple[str, ...],
    **filters: str | None,
) -> None:
    """Write receipts for other tools, one per line.

    Those named, or all that match. All journals are verified first; nothing is written if anything
    is wrong.

    \b
    intoto            DSSE envelopes, as *.intoto.jsonl
    bundle            Sigstore bundles v0.3, for sigstore-go and @sigstore/verify
    bundle-with-log   the same with the log's entry and proof
    receipt.v5        HELM's own receipts of calls, a bundle for each session; to a
                      folder, a file for each, for `receipt_verify --receipt FILE
                      --key-file receipt.pub.hex`
    """  # noqa: D301 - click's sign for lines that stay as they are
    path = Path(output)
    to_folder = is_folder(path, output)
    if to_folder and form != "receipt.v5":
        raise click.UsageError(f"{form} is one file: name a file with -o, not a folder")
    with io_errors(), tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        trust, wanted = trust_for(state, keys, vkey), selection(state, filters)
        found = verified_journals(state, trust)
        try:
            for text in _exported(state, found, trust, form, identities, wanted):
                spool.write(text + b"\n")
        except _CONTRADICTIONS as error:
            raise Unverified(trust.name_rightly(state, error)) from error
        if to_folder:
            deliver_sessions(spool, path)
        else:
            if form == "receipt.v5":
                refuse_several(spool, path)
            deliver(spool, path)
    raise SystemExit(tell_trust(found, trust))


@click.command("prove")
@readable_state_option()
@key_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Output file; standard output by default.",
)
@click.argument("identity", metavar="ID")
def prove_one(
    state: Layout, keys: tuple[Path, ...], vkey: str | None, output: Path | None, identity: str
) -> None:
    """Write the proof that a receipt is in the log.

    The format is c2sp.org/tlog-proof; `receipts verify --proof` reads it.
    """
    with io_errors(), tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        trust = trust_for(state, keys, vkey)
        found = verified_journals(state, trust)
        try:
            spool.write(proof_file(_proof(state, found, trust, found.find(identity))))
        except _CONTRADICTIONS as error:
            raise Unverified(trust.name_rightly(state, error)) from error
        deliver(spool, output or Path("-"))
    raise SystemExit(tell_trust(found, trust))


def verified_journals(state: Layout, trust: Trust) -> VerifiedJournals:
    """Verify all journals, and that they are as long as the log says."""
    journal_of(state)
    try:
        committed = _committed(state, trust)
        with progress_bar("verify") as progress:
            found = verify_present(state.journal, trust.receipt_keys, progress)
        check_cursors(state.journal, read_tree(state).cursors)
        here = sum(found.last.values())
        if here < committed and not found.late:
            what = f"the log has {committed} receipts, the journals only {here}"
            raise Broken("truncated", "journal", what)
    except ReceiptError as error:
        raise Unverified(trust.name_rightly(state, error)) from error
    return found


def _committed(state: Layout, trust: Trust) -> int:
    """Return how many receipts the checkpoint says there are.

    It is read before the journals, as more may come meanwhile.
    """
    path = state.log / "checkpoint"
    if not (path.exists() and trust.log):
        return 0
    try:
        return verify_by_any(path.read_bytes(), trust.log).size
    except ProofRefused as error:
        raise Broken("checkpoint", "log/checkpoint", str(error)) from error


def tell_trust(found: VerifiedJournals, trust: Trust) -> int:
    """Say what wasn't verified, and return the exit code."""
    unknown = [f"the key was {FOUND}"] if trust.whose == FOUND else []
    for line in (*found.late, *unknown):
        click.echo(f"not verified: {line}", err=True)
    for line in found.pruned if not found.late else ():
        click.echo(f"pruned before, so not here: {line}", err=True)
    return INCOMPLETE if found.late or unknown else YES


def _exported(
    state: Layout,
    found: VerifiedJournals,
    trust: Trust,
    form: str,
    identities: tuple[str, ...],
    selection: Selection,
) -> Iterator[bytes]:
    chosen = map(found.find, identities) if identities else found.select(selection)
    if form == "receipt.v5":
        yield from _receipts_v5(state, found, {record.id for record in chosen})
        return
    for record in chosen:
        if form == "intoto":
            yield record.envelope
        elif form == "bundle":
            yield _json(plain_bundle(record.envelope))
        else:
            proof, key = _proof(state, found, trust, record), _key_of(found, record)
            yield _json(logged_bundle(record.envelope, key, proof, trust.log_keys[-1]))


def _receipts_v5(state: Layout, found: VerifiedJournals, wanted: set[str]) -> Iterator[bytes]:
    """Yield the bundle of every session that a wanted receipt is in.

    A chain is over a whole session, so sessions are exported whole.
    """
    key = _signing_key(state, found)
    for bundle in receipt_v5.export(found.records(), key):
        if wanted & {receipt["receipt_id"] for receipt in bundle["receipts"]}:
            yield _json(bundle)


def _signing_key(state: Layout, found: VerifiedJournals) -> SigningKey:
    """Return the private key, if it is the one that the verified receipts are signed with."""
    path = state.keys / "receipt.pem"
    if not (path.exists() or (state.keys / SIGNER).exists()):
        raise CommandError(f"receipt.v5 is signed anew, and {path} isn't here: export it at home")
    key = signing_key(state, "receipt")
    if key.keyid not in found.keys:
        raise Broken("foreign-key", path, f"{key.keyid[:16]}… hasn't signed these receipts")
    return key


def _proof(state: Layout, found: VerifiedJournals, trust: Trust, record: Record) -> InclusionProof:
    return prove_under(state, _key_of(found, record), trust.log_keys[-1], record)


def _key_of(found: VerifiedJournals, record: Record) -> PublicKey:
    return found.keys[parse_line(record.envelope).keyid]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
