"""`helm-boundary receipts verify | fsck | consistency`: checks of receipts and of the log."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from helm_receipts.audit import fsck as checking
from helm_receipts.audit import verify as verification
from helm_receipts.audit.ahead import start_checkers
from helm_receipts.audit.checked_line import Check, check_each
from helm_receipts.audit.single_receipt import verify_receipt
from helm_receipts.audit.trust_policy import TrustPolicy, parse_policy, witnessed
from helm_receipts.database.address import Address
from helm_receipts.envelope.checkpoint import verify_by_any
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.foreign_envelope import parse_envelope
from helm_receipts.errors import ReceiptError
from helm_receipts.journal.records import is_empty
from helm_receipts.layout import Layout
from helm_receipts.log.consistency import prove_consistency
from helm_receipts.log.inclusion import parse_proof
from helm_receipts.log.proof import verify_proof

from .exits import INCOMPLETE, YES, CommandError
from .receipt_results import finish, nothing, progress_bar, refusal
from .served_log import check_served_log
from .state_copies import (
    Contradiction,
    PlaceName,
    layout_of,
    place_option,
    readable_state_option,
)
from .state_options import (
    archive_option,
    existing,
    io_errors,
    journal_of,
    json_option,
    key_options,
)
from .verification_keys import NAMED, Trust, trust_for

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_NO_KEY = "none yet: what is there contradicts itself"
_WORTH_PROCESSES = 20 * 2**20
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@place_option
@json_option
@key_options
@click.option("--proof", type=_FILE, help="A .tlog-proof of the one receipt in FILES.")
@archive_option
@click.argument("files", nargs=-1, type=_FILE)
def verify(
    state: Path | Address,
    as_json: bool,
    keys: tuple[Path, ...],
    vkey: str | None,
    proof: Path | None,
    archives: tuple[Path, ...],
    files: tuple[Path, ...],
) -> None:
    """Verify receipts: those in FILES, or every journal's."""
    with io_errors():
        layout = _whole(state, as_json)
        if not files and proof is None and is_empty(existing(layout).journal):
            finish(nothing(layout.state), "", as_json)
        trust = trust_for(layout, keys, vkey)
        whose = trust.whose
        try:
            if proof is not None:
                result, whose = _verify_proof(proof, files, trust), trust.whose_proof()
            elif files:
                result = _verify_files(files, trust)
            else:
                result = _verify_journal(journal_of(layout), trust, _journals(archives))
        except ReceiptError as error:
            result = refusal(trust.name_rightly(layout, error))
    finish(result, whose, as_json)


@click.command("fsck")
@place_option
@json_option
@key_options
@click.option(
    "--kept", multiple=True, type=_FILE, help="An earlier checkpoint that must still hold."
)
@click.option(
    "--policy",
    type=_FILE,
    help="A trust policy (c2sp.org/tlog-policy): which witnesses must have cosigned.",
)
@click.option(
    "--tsa",
    multiple=True,
    type=_FILE,
    help="The root, in PEM, of a timestamp authority that you believe: check the timestamps.",
)
@archive_option
@click.argument("place", required=False, type=PlaceName())
def fsck_folder(
    state: Path | Address,
    as_json: bool,
    keys: tuple[Path, ...],
    vkey: str | None,
    kept: tuple[Path, ...],
    policy: Path | None,
    tsa: tuple[Path, ...],
    archives: tuple[Path, ...],
    place: Path | Address | str | None,
) -> None:
    """Verify a whole state, its log included.

    Checkpoint, tiles, entries, chains, signatures, keys and outcomes, each against the others.
    PLACE is a folder, a database (postgresql://HOST/DATABASE), or the address of a served log
    (https://HOST), of which there are no receipts to be read: then the log is verified alone.
    """
    if isinstance(place, str):
        with io_errors():
            result = check_served_log(place, vkey, kept)
        finish(result, NAMED, as_json)
    with io_errors():
        layout = existing(_whole(place or state, as_json))
        if is_empty(layout.journal) and not _has_log(layout):
            finish(nothing(layout.state), "", as_json)
        trust = trust_for(layout, keys, vkey)
        believed, roots = _policy(policy), _roots(tsa)
        try:
            with progress_bar("fsck") as progress, checkers(layout) as check:
                notes, witnesses = [path.read_bytes() for path in kept], tuple[str, ...]()
                if believed is not None:
                    note, witnesses = witnessed(layout, believed)
                    notes.append(note)
                stamped = list(_stamped(layout, roots))
                notes += [note for note, _ in stamped]
                report = checking.fsck(
                    layout.state,
                    trust.receipt_keys,
                    trust.log_keys,
                    notes,
                    check,
                    progress,
                    _journals(archives),
                )
            result = _fsck_result(report) | {"witnesses": list(witnesses)}
            result |= {"timestamps": [said for _, said in stamped]}
        except ReceiptError as error:
            result = refusal(trust.name_rightly(layout, error))
    finish(result, trust.whose_folder(kept=bool(kept)), as_json)


@click.command()
@readable_state_option()
@json_option
@key_options
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE, required=False)
def consistency(
    state: Layout,
    as_json: bool,
    keys: tuple[Path, ...],
    vkey: str | None,
    old: Path,
    new: Path | None,
) -> None:
    """Prove that one checkpoint continues another.

    That is, that NEW (by default the log's own) continues OLD.
    """
    with io_errors():
        trust = trust_for(state, keys, vkey)
        newer = new or state.log / "checkpoint"
        try:
            before = verify_by_any(old.read_bytes(), trust.log_keys)
            after = verify_by_any(newer.read_bytes(), trust.log_keys)
            hashes = prove_consistency(state.log, before, after)
            result: dict[str, Any] = {
                "exit": YES,
                "checked": f"all {before.size} entries of OLD are the first of NEW's {after.size}",
                "proof": [base64.b64encode(step).decode() for step in hashes],
            }
        except ReceiptError as error:
            result = refusal(trust.name_rightly(state, error))
    finish(result, trust.whose_log, as_json)


def _whole(state: Path | Address, as_json: bool) -> Layout:
    """Return the folder, or a copy of all of a database; ends where that contradicts itself."""
    try:
        return layout_of(click.get_current_context(), state, anew=True, follows=False)
    except Contradiction as error:
        finish(refusal(error.error), _NO_KEY, as_json)


def _verify_files(files: tuple[Path, ...], trust: Trust) -> dict[str, Any]:
    count = 0
    for path in files:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                verify_receipt(line, trust.key_of(parse_envelope(line).keyid))
            except ReceiptError as error:
                bad = f"{path}, line {number}: {error}"
                return refusal(error) | {"bad": bad, "receipts": count}
            count += 1
    checked = "the signature and the form of each receipt by itself"
    if not count:
        return nothing(", ".join(map(str, files)))
    return {"exit": YES, "receipts": count, "checked": checked}


def _verify_proof(proof: Path, files: tuple[Path, ...], trust: Trust) -> dict[str, Any]:
    if len(files) != 1:
        raise click.UsageError(f"a proof is of one receipt: name one FILE, not {len(files)}")
    text = files[0].read_bytes().strip()
    envelope = parse_envelope(text)
    key = trust.key_of(envelope.keyid)
    verify_receipt(text, key)
    parsed = parse_proof(proof.read_bytes())
    checkpoint = verify_proof(parsed, log_entry(envelope, key), trust.log_keys[-1])
    return {
        "exit": YES,
        "checked": "the receipt's signature, its place in the log, the checkpoint's signature",
        "receipts": 1,
        "index": parsed.index,
        "size": checkpoint.size,
        "origin": checkpoint.origin,
    }


def _policy(file: Path | None) -> TrustPolicy | None:
    """Read the trust policy that is named, if one is."""
    try:
        return None if file is None else parse_policy(file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise CommandError(f"{file}: expected a trust policy in text ({error})") from error


def _roots(files: tuple[Path, ...]) -> list[Certificate]:
    """Read the roots of timestamp authorities that are named."""
    if not files:
        return []
    if find_spec("rfc3161_client") is None:
        raise CommandError("rfc3161-client isn't installed: install helm-boundary[timestamps]")
    from cryptography.x509 import load_pem_x509_certificate

    found = []
    for file in files:
        try:
            found.append(load_pem_x509_certificate(file.read_bytes()))
        except ValueError as error:
            raise CommandError(f"{file}: expected a certificate in PEM") from error
    return found


def _stamped(layout: Layout, roots: list[Certificate]) -> Iterator[tuple[bytes, str]]:
    """List stamped checkpoints, where roots to check them with are named."""
    if roots:
        from helm_receipts.audit.timestamps import verify_timestamps

        yield from verify_timestamps(layout, roots)


def _journals(archives: tuple[Path, ...]) -> list[Path]:
    return [Layout(archive).journal for archive in archives]


def _verify_journal(journal: Path, trust: Trust, archives: list[Path]) -> dict[str, Any]:
    report = verification.verify_journal(journal, trust.receipt_keys, archives)
    return {
        "exit": YES if report.is_complete else INCOMPLETE,
        "checked": "each writer's chain, signatures, times, and one outcome for each request",
        "receipts": report.receipts,
        "calls": report.calls,
        "writers": report.writers,
        "openCalls": report.open_calls,
        "running": report.running,
        "torn": list(report.torn),
        "setBack": list(report.set_back),
        "emptied": list(report.emptied),
        "pruned": list(report.pruned),
    }


def _has_log(layout: Layout) -> bool:
    """Tell whether the folder has, or says that it had, a log with something in it."""
    made = (layout.log / "checkpoint", layout.log / "tile", layout.log_state / "tree.json")
    return any(path.exists() for path in made)


def checkers(layout: Layout) -> AbstractContextManager[Check]:
    """Have lines checked on all cores, where that takes longer than starting processes."""
    size = sum(path.stat().st_size for path in layout.journal.rglob("*.jsonl"))
    cores = os.cpu_count() or 1
    worth_it = cores > 1 and size > _WORTH_PROCESSES
    return start_checkers(cores) if worth_it else nullcontext(check_each)


def _fsck_result(report: checking.FsckReport) -> dict[str, Any]:
    facts = asdict(report)
    facts.pop("open_from")
    return {
        "exit": YES if report.is_complete else INCOMPLETE,
        "checked": "checkpoint, tiles, entries, chains, signatures, keys, outcomes, each "
        "against the others",
        "notInLog": facts.pop("not_in_log"),
        "openCalls": facts.pop("open_calls"),
        "setBack": list(facts.pop("set_back")),
        **{name: list(v) if isinstance(v, tuple) else v for name, v in facts.items()},
    }
