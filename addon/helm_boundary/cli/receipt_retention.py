"""`helm-boundary receipts archive | prune`: old receipts moved elsewhere, or removed.

Nothing goes that doesn't verify: the whole folder is checked first, as `fsck` does it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import click

from helm_boundary import __version__
from helm_boundary.runtime.key_pinning import settle
from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.errors import Broken, ReceiptError
from helm_receipts.layout import Layout
from helm_receipts.recording.recorder import Recorder
from helm_receipts.recording.retention import Portion, copy_to, plan, prune

from .exits import YES, CommandError
from .receipt_checks import checkers
from .receipt_export import Unverified
from .receipt_log import CONFIGURATION
from .receipt_results import progress_bar
from .state_options import io_errors, journal_of, json_option, state_option
from .times import MOMENT
from .verification_keys import trust_for

_BEFORE = click.option(
    "--before",
    required=True,
    type=MOMENT,
    metavar="TIME",
    help="Only what is older: 90d, or a date such as 2026-11-23.",
)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would go.")


@click.command()
@state_option
@json_option
@_BEFORE
@_DRY_RUN
@click.option(
    "-o",
    "--output",
    "archive_folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The archive's folder; the same one each time keeps it whole.",
)
def archive(state: Layout, as_json: bool, before: str, dry_run: bool, archive_folder: Path) -> None:
    """Move old receipts to an archive, whole files at a time.

    Their hashes stay in the log, and a receipt says what went. `receipts fsck --archive FOLDER`
    verifies both together; a boundary may run meanwhile.
    """
    with io_errors():
        _refuse_inside(archive_folder, state)
        portions = _old(state, before)
        if not dry_run:
            copy_to(archive_folder, state, portions)
        _remove(state, portions, before, archive_folder, as_json, dry_run=dry_run)


@click.command("prune")
@state_option
@json_option
@_BEFORE
@_DRY_RUN
@click.option("--yes", is_flag=True, help="Don't ask.")
def prune_old(state: Layout, as_json: bool, before: str, dry_run: bool, yes: bool) -> None:
    """Delete old receipts for good, whole files at a time.

    Their hashes stay in the log, and a receipt says what was pruned.
    """
    with io_errors():
        portions = _old(state, before)
        if portions and not (yes or dry_run):
            count = sum(portion.last - portion.first + 1 for portion in portions)
            click.confirm(f"Delete {count} receipts for good?", abort=True)
        _remove(state, portions, before, None, as_json, dry_run=dry_run)


def _old(state: Layout, before: str) -> list[Portion]:
    """Verify everything, and list what is old."""
    journal_of(state)
    return plan(state, before, _verified(state).open_from)


def _verified(state: Layout) -> FsckReport:
    trust = trust_for(state)
    try:
        with progress_bar("fsck") as progress, checkers(state) as check:
            return fsck(
                state.state, trust.receipt_keys, trust.log_keys, check=check, progress=progress
            )
    except ReceiptError as error:
        named = trust.name_rightly(state, error)
        if isinstance(named, Broken):
            raise Unverified(named) from error
        raise CommandError(str(named)) from error


def _remove(
    state: Layout,
    portions: list[Portion],
    before: str,
    archive_folder: Path | None,
    as_json: bool,
    *,
    dry_run: bool,
) -> NoReturn:
    told = [_told(portion) for portion in portions]
    if portions and not dry_run:
        settle(state)
        recorder = Recorder.open(state.state, version=__version__, configuration=CONFIGURATION)
        try:
            for each, receipt in zip(
                told, prune(state, portions, recorder, before, archive_folder), strict=True
            ):
                each["receipt"] = receipt
        finally:
            recorder.close()
    if as_json:
        click.echo(json.dumps({"before": before, "dryRun": dry_run, "pruned": told}))
    else:
        _print(told, before, archive_folder, dry_run=dry_run)
    raise SystemExit(YES)


def _told(portion: Portion) -> dict[str, object]:
    return {
        "writer": portion.writer,
        "firstNumber": portion.first,
        "lastNumber": portion.last,
        "until": portion.until,
        "segments": len(portion.segments),
        "bytes": portion.size,
    }


def _print(
    told: list[dict[str, object]], before: str, archive_folder: Path | None, *, dry_run: bool
) -> None:
    if not told:
        click.echo(f"nothing: no whole file of receipts is older than {before[:19]}Z")
    done = "archived" if archive_folder is not None else "pruned"
    for each in told:
        what = f"{each['writer']}: receipts {each['firstNumber']} to {each['lastNumber']}"
        size = f"{each['segments']} files, {int(str(each['bytes'])):,} bytes"
        says = "nothing was changed" if dry_run else f"receipt {each['receipt']} says so"
        click.echo(f"{'would be ' if dry_run else ''}{done}  {what}, {size}; {says}")


def _refuse_inside(archive_folder: Path, state: Layout) -> None:
    if archive_folder.resolve().is_relative_to(state.state.resolve()):
        raise CommandError(f"{archive_folder} is in the state folder itself: name another one")
