"""Options of every command that reads a state folder, and the way it ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from helm_boundary.runtime.state_folder import default_state_folder
from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout

from .exits import CommandError, ending_on
from .state_folder import StateFolder

Command = Callable[..., Any]
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


io_errors = partial(ending_on, ReceiptError, OSError)
"""Ends a command on what can't be read, and on the kinds of errors that are named."""


def state_option[C: Command](command: C) -> C:
    """Add `--state DIR`, also from HELM_STATE; the platform's folder otherwise."""
    option = click.option(
        "--state",
        envvar="HELM_STATE",
        type=StateFolder(),
        default=default_state_folder,
        show_default="the platform's folder",
        help="The boundary's state folder: keys, receipts, approvals.",
        callback=lambda _context, _parameter, value: Layout(value),
    )
    return option(command)


def json_option[C: Command](command: C) -> C:
    """Add `--json`: one JSON object per line, for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")(command)


def key_options[C: Command](command: C) -> C:
    """Add `--key` and `--vkey`: what the auditor trusts."""
    command = click.option(
        "--vkey", metavar="TEXT|FILE", help="The log's verifier key that you trust."
    )(command)
    return click.option(
        "--key", "keys", multiple=True, type=FILE, help="A receipt key that you trust, in PEM."
    )(command)


def archive_option[C: Command](command: C) -> C:
    """Add `--archive FOLDER`: where `receipts archive` has moved receipts."""
    folder = click.Path(path_type=Path, exists=True, file_okay=False)
    return click.option(
        "--archive",
        "archives",
        multiple=True,
        type=folder,
        help="A folder with archived receipts, to be verified with the others.",
    )(command)


def existing(state: Layout) -> Layout:
    """Return the state folder; a clear refusal where there is none."""
    if not state.state.is_dir():
        raise CommandError(
            f"expected a state folder in {state.state}, found none: name one with --state"
        )
    return state


def journal_of(state: Layout) -> Path:
    """Return the journal folder; a clear refusal where there is none."""
    if not state.journal.is_dir():
        raise CommandError(
            f"expected receipts in {state.state}, found none: name the state folder with --state"
        )
    return state.journal
