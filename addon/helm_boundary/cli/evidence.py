"""`helm-boundary evidence`: receipts of a time, in one file that verifies offline."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import IO, cast

import click

from helm_boundary.runtime.kept_policies import sources_of
from helm_receipts.errors import Broken, ProofRefused
from helm_receipts.export.evidence import write_pack
from helm_receipts.export.select import Selection
from helm_receipts.layout import Layout

from .receipt_delivery import deliver
from .receipt_export import Unverified, tell_trust, verified_journals
from .state_copies import readable_state_option
from .state_options import io_errors, json_option, key_options
from .times import MOMENT
from .verification_keys import trust_for

_IN_MEMORY = 2**24


@click.command()
@readable_state_option()
@json_option
@key_options
@click.option("--since", required=True, type=MOMENT, help="From when: 7d, or 2026-11-23.")
@click.option("--until", type=MOMENT, help="Until when; until now by default.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The pack, a zip file.",
)
@click.option("--without-policies", is_flag=True, help="Leave the policies' sources out.")
def evidence(
    state: Layout,
    as_json: bool,
    keys: tuple[Path, ...],
    vkey: str | None,
    since: str,
    until: str | None,
    output: Path,
    without_policies: bool,
) -> None:
    """Write an evidence pack, one file for an auditor.

    It has receipts, proofs, public keys, policies and the verifier. All journals are verified
    first. The receipts are consecutive entries of the log, so none in between is left out; the same
    receipts and checkpoint give the same bytes. Verify it with `python helm-verify.pyz pack FILE
    --key receipt.pub.pem --vkey "$(cat log.vkey)"`.
    """
    with io_errors(), tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        trust = trust_for(state, keys, vkey)
        found = verified_journals(state, trust)
        digests = {
            record.predicate["policy"]["digest"]["sha256"]
            for record in found.select(Selection(since=since, until=until))
            if "policy" in record.predicate
        }
        policies = {} if without_policies else sources_of(state.state, digests)
        log, target = trust.log_keys[-1], cast(IO[bytes], spool)
        try:
            told = write_pack(target, state, found, log, since, until, policies)
        except (Broken, ProofRefused) as error:
            raise Unverified(trust.name_rightly(state, error)) from error
        deliver(spool, output)
    if as_json:
        values = {"receipts": told.receipts, "first": told.first, "last": told.last}
        click.echo(json.dumps(values | {"notInLog": told.not_in_log, "policies": len(digests)}))
    else:
        click.echo(f"{output}: {told.receipts} receipts, entries {told.first} to {told.last}")
    if told.not_in_log:
        click.echo(f"not in it: {told.not_in_log} receipts that aren't in the log yet", err=True)
    raise SystemExit(tell_trust(found, trust))
