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

Command = Callable[..., Any]
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


io_errors = partial(ending_on, ReceiptError, OSError)
"""Ends a command on what can't be read."""


def state_option[C: Command](command: C) -> C:
    """Add `--state DIR`, also from HELM_STATE; the platform's folder otherwise."""
    option = click.option(
        "--state",
        envvar="HELM_STATE",
        type=click.Path(path_type=Path, file_okay=False),
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


def selection_options[C: Command](command: C) -> C:
    """Add the filters of `list` and `tail`, all of which must match."""
    for name, metavar, text in reversed(
        (
            ("verdict", "VERDICT", "ALLOW, DENY or ESCALATE."),
            (
                "phase",
                "PHASE",
                "request, outcome, tool_call, approval, policy, key, session or budget.",
            ),
            ("operation", "ID", "An operation, such as createChatCompletion."),
            ("model", "NAME", "The model that was asked for."),
            ("principal", "NAME", "The proxy user, or the pseudonym of an API key."),
            ("reason", "CODE", "A reason code."),
            ("since", "TIME", "RFC 3339 in UTC, inclusive; 2026-11-23 is enough."),
            ("until", "TIME", "RFC 3339 in UTC, exclusive."),
        )
    ):
        command = click.option(f"--{name}", metavar=metavar, help=text)(command)
    return command


def existing(state: Layout) -> Layout:
    """Return the state folder; a clear refusal where there is none."""
    if not state.state.is_dir():
        raise CommandError(f"expected a state folder in {state.state}, found none: name one")
    return state


def journal_of(state: Layout) -> Path:
    """Return the journal folder; a clear refusal where there is none."""
    if not state.journal.is_dir():
        raise CommandError(
            f"expected receipts in {state.state}, found none: name the state folder with --state"
        )
    return state.journal
