"""`helm-boundary receipts archive | prune`: old receipts moved elsewhere, or removed.

Nothing goes that doesn't verify: the whole folder is checked first, as `fsck` does it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.database.address import Address
from helm_receipts.errors import Broken, ReceiptError
from helm_receipts.layout import Layout
from helm_receipts.recording.retention import Portion, copy_to, plan, prune, remove_segments

from .exits import YES, CommandError
from .receipt_checks import checkers
from .receipt_export import Unverified
from .receipt_log import CALLED
from .receipt_results import progress_bar
from .shared_state import shared_state_option
from .state_copies import layout_of
from .state_options import io_errors, journal_of, json_option, key_options
from .times import MOMENT
from .verification_keys import Trust, trust_for

_BEFORE = click.option(
    "--before",
    required=True,
    type=MOMENT,
    metavar="TIME",
    help="Only what is older: 90d, or a date such as 2026-11-23.",
)
_DELETE_SECONDS = 600.0
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would go.")


@click.command()
@shared_state_option
@json_option
@key_options
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
def archive(
    state: SharedState,
    as_json: bool,
    keys: tuple[Path, ...],
    vkey: str | None,
    before: str,
    dry_run: bool,
    archive_folder: Path,
) -> None:
    """Move old receipts to an archive: whole files, or rows.

    Their hashes stay in the log, and a receipt says what went. `receipts fsck --archive FOLDER`
    verifies both together; a boundary may run meanwhile.
    """
    with io_errors():
        _refuse_inside(archive_folder, state.layout)
        layout = _readable(state, dry_run=dry_run)
        trust = trust_for(layout, keys, vkey)
        portions = _old(state, layout, before, trust)
        if not dry_run:
            copy_to(archive_folder, layout, portions)
        told = _remove(state, portions, before, archive_folder, dry_run=dry_run)
    _finish(told, before, trust, archive_folder, as_json, dry_run=dry_run)


@click.command("prune")
@shared_state_option
@json_option
@key_options
@_BEFORE
@_DRY_RUN
@click.option("--yes", is_flag=True, help="Don't ask.")
def prune_old(
    state: SharedState,
    as_json: bool,
    keys: tuple[Path, ...],
    vkey: str | None,
    before: str,
    dry_run: bool,
    yes: bool,
) -> None:
    """Delete old receipts for good: whole files, or rows.

    Their hashes stay in the log, and a receipt says what was pruned.
    """
    with io_errors():
        layout = _readable(state, dry_run=dry_run)
        trust = trust_for(layout, keys, vkey)
        portions = _old(state, layout, before, trust)
        if portions and not (yes or dry_run):
            count = sum(portion.last - portion.first + 1 for portion in portions)
            click.confirm(f"Delete {count} receipts for good?", abort=True)
        told = _remove(state, portions, before, None, dry_run=dry_run)
    _finish(told, before, trust, None, as_json, dry_run=dry_run)


def _readable(state: SharedState, *, dry_run: bool) -> Layout:
    """Return the folder, or a copy of the database for as long as the command runs."""
    if state.database is None:
        return state.layout
    if not dry_run:
        _refuse_without_means(state.layout, state.database)
    return layout_of(click.get_current_context(), state.database, anew=True, follows=False)


def _refuse_without_means(folder: Layout, database: Address) -> None:
    """Require a key to sign with, which auditors know, and the rights, before anything is said."""
    from helm_receipts.database.connections import connect, unavailable
    from helm_receipts.database.migrations import require_current
    from helm_receipts.database.rights import require_rights
    from helm_receipts.recording.table_retention import RIGHTS

    if not (folder.keys / "receipt.pem").exists():
        raise CommandError(
            f"no receipt key in {folder.keys} to sign what is removed: name a folder that has one "
            "with --folder, or make one with `keys init`, and give its public half to auditors"
        )
    with unavailable(database), connect(database) as connection:
        require_current(connection)
        require_rights(connection, RIGHTS)


def _old(state: SharedState, layout: Layout, before: str, trust: Trust) -> list[Portion]:
    """Verify everything, and list what is old."""
    journal_of(layout)
    open_from = _verified(layout, trust).open_from
    if state.database is None:
        return plan(layout, before, open_from)
    from helm_receipts.recording.table_retention import plan_rows

    return plan_rows(layout, before, open_from)


@contextmanager
def _removing(state: SharedState) -> Iterator[Callable[[Portion, bytes], None]]:
    """Yield what removes a portion."""
    if state.database is None:
        yield partial(remove_segments, state.layout)
        return
    from helm_receipts.database.connections import connect, unavailable
    from helm_receipts.recording.table_retention import remove_rows

    with unavailable(state.database), connect(state.database, _DELETE_SECONDS) as connection:
        yield partial(remove_rows, connection)


def _verified(state: Layout, trust: Trust) -> FsckReport:
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
    state: SharedState,
    portions: list[Portion],
    before: str,
    archive_folder: Path | None,
    *,
    dry_run: bool,
) -> list[dict[str, object]]:
    """Remove portions, with a receipt of each; returns what to tell of them."""
    told = [_told(portion) for portion in portions]
    if portions and not dry_run:
        with state.recording(CALLED) as recorder, _removing(state) as remove:
            done = prune(portions, recorder, before, remove, archive_folder)
            for each, receipt in zip(told, done, strict=True):
                each["receipt"] = receipt
    return told


def _finish(
    told: list[dict[str, object]],
    before: str,
    trust: Trust,
    archive_folder: Path | None,
    as_json: bool,
    *,
    dry_run: bool,
) -> NoReturn:
    whose = trust.whose_folder()
    if as_json:
        click.echo(json.dumps({"before": before, "dryRun": dry_run, "key": whose, "pruned": told}))
    else:
        _print(told, before, archive_folder, dry_run=dry_run)
        click.echo(f"verified before, with keys {whose}")
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
