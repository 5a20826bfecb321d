"""`helm-boundary report`: what happened in a period, in one file."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from pathlib import Path

import click

from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.receipt_index.filters import FilterError
from helm_boundary.receipt_index.index import ReceiptIndex
from helm_boundary.receipt_source.folder import FolderSource
from helm_boundary.reporting.period import read_period
from helm_boundary.reporting.report import FORMATS
from helm_boundary.reporting.report import report as write
from helm_receipts.database.address import Address
from helm_receipts.envelope.predicate import rfc3339

from .exits import CommandError
from .policy_options import policy_errors
from .policy_source import PolicySource
from .receipt_results import progress_bar
from .state_copies import layout_of, place_option
from .state_options import io_errors, journal_of
from .verification_keys import trusted_keys


@click.command()
@place_option
@click.option(
    "--since",
    metavar="TIME",
    default="7d",
    show_default=True,
    help="Where the period begins: 24h, 7d or 2w ago, or a time such as 2026-11-23.",
)
@click.option("--until", metavar="TIME", help="Where it ends; now by default.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="html",
    show_default=True,
    help="html: one file to read, print and verify. csv: a line a receipt. json: the figures.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default="-",
    help="Output file; standard output by default.",
)
@click.option(
    "--policy",
    "folders",
    multiple=True,
    type=PolicySource(exists=True),
    help="Sum calls up by this policy's groups, too; repeatable, for a policy over another.",
)
def report(
    state: Path | Address,
    since: str,
    until: str | None,
    form: str,
    output: Path,
    folders: tuple[Path, ...],
) -> None:
    """Write a report on a period, for a manager or an auditor.

    What was asked, by whom, of which models, what was refused and why, and who approved. The HTML
    needs no network. It encloses the receipts of the period, and a button in it has the reader's
    own browser verify them, and sum them up again.
    """
    try:
        period = read_period(since, until)
    except FilterError as error:
        raise CommandError(
            f"--since or --until: {error}; --since also takes 24h, 7d or 2w"
        ) from error
    with policy_errors():
        groups = read_policy(folders).own_data.get("groups") or {} if folders else {}
    with io_errors():
        layout = layout_of(click.get_current_context(), state, anew=False, follows=False)
        where = {} if isinstance(state, Path) else {"database": _copied(state)}
        journal_of(layout)
        index = ReceiptIndex.open(FolderSource(layout), layout.state / "index")
        with progress_bar("index") as progress:
            index.refresh(lambda done: progress(done, 0))
        to_terminal = str(output) == "-"
        with nullcontext(sys.stdout) if to_terminal else output.open("w", newline="") as file:
            write(layout, index, trusted_keys(layout), period, form, file, groups, where)
        index.close()


def _copied(database: Address) -> str:
    """Say what the report is made from."""
    return f"{database}, from a copy that was brought up to date at {rfc3339(time.time_ns())}"
