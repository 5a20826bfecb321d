"""`helm-boundary approvals`: the calls that wait for a person, and the decision on them.

Whoever can write in the state folder, or the database, can approve, and nobody else: there is no
other way in.
Exit codes: 0 yes, 1 no (it isn't pending, or you changed your mind), 2 usage or I/O.
"""

from __future__ import annotations

import re
import sys
import time
from functools import partial
from typing import Any

import click

from helm_boundary.approvals import decisions
from helm_boundary.approvals.entry import GRANTED, ID, PENDING, REFUSED, Entry
from helm_boundary.approvals.extent import ALWAYS, DAY, ONCE, SESSION, Extent, for_time
from helm_boundary.approvals.store import Store, StoreError
from helm_boundary.runtime.decision_recording import record_decision
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.errors import ReceiptError

from .approval_outcomes import outcome
from .approvals_output import print_changes, print_entry
from .exits import NO, CommandError, ending_on
from .shared_state import shared_state_option
from .state_options import json_option

_POLL_SECONDS = 0.5
_HERE = "command line"
_DURATION = re.compile(r"(\d{1,5})([smh])")
_UNITS = {"s": 1, "m": 60, "h": 3600}

_io_errors = partial(ending_on, ReceiptError, StoreError, OSError)


class Duration(click.ParamType[int]):
    """A time such as 90s, 30m or 8h, in seconds; a day at most."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the time; fail with what is expected."""
        if isinstance(value, int):
            return value
        found = _DURATION.fullmatch(str(value))
        seconds = int(found[1]) * _UNITS[found[2]] if found else 0
        if not 0 < seconds <= DAY:
            self.fail(f"expected a time such as 30m or 8h, a day at most, found {value!r}")
        return seconds


@click.group()
def approvals() -> None:
    """Review the calls that wait for approval, and decide."""


@approvals.command("list")
@shared_state_option
@json_option
@click.option("--all", "everything", is_flag=True, help="Include decided ones.")
@click.option(
    "--watch",
    is_flag=True,
    help="Keep running. At a terminal: a page with a key for each answer. Else, or with --all or "
    "--json: a line for each new one and each change.",
)
def list_approvals(state: SharedState, as_json: bool, everything: bool, watch: bool) -> None:
    """List the calls that wait for approval, oldest first."""
    with _io_errors():
        store = _store(state)
        if watch and not (as_json or everything):
            from .approvals_page import is_terminal, show_page

            if is_terminal():
                show_page(store, partial(_answer, state, store))
                return
        shown: dict[str, str] = {}
        print_changes(store, shown, as_json, everything)
        if not (shown or as_json or watch):
            click.echo("Nothing waits for a person.")
        while watch:
            time.sleep(_POLL_SECONDS)
            print_changes(store, shown, as_json, everything=True)


@approvals.command()
@shared_state_option
@json_option
@click.argument("identity", metavar="ID")
def show(state: SharedState, as_json: bool, identity: str) -> None:
    """Show one call that waits, and why it needs approval.

    What it asks for, the rules that asked, and how much time is left.
    """
    with _io_errors():
        store = _store(state)
        entry = _entry(store, identity)
    print_entry(entry, store.now_ns(), as_json)


@approvals.command()
@shared_state_option
@json_option
@click.option("-y", "--yes", is_flag=True, help="Don't ask for confirmation.")
@click.option(
    "--for",
    "seconds",
    type=Duration(),
    default=0,
    metavar="TIME",
    help="Approve calls like it for so long (30m, 8h; a day at most), and not once.",
)
@click.option(
    "--session",
    "in_session",
    is_flag=True,
    help="Approve calls like it in the same session of its client, a day at most.",
)
@click.option(
    "--always",
    is_flag=True,
    help="Approve as --session does, and print what to add to data.yaml for good.",
)
@click.argument("identity", metavar="ID")
def approve(
    state: SharedState,
    as_json: bool,
    yes: bool,
    seconds: int,
    in_session: bool,
    always: bool,
    identity: str,
) -> None:
    """Approve one call: the held flow, or the next identical one.

    A tool call is approved by its name and arguments, whatever request it answers. A request is
    the same where it differs in volatile members alone (`approvals.volatile` in data.yaml).
    """
    chosen = {
        "--for": for_time(seconds) if seconds else None,
        "--session": SESSION if in_session else None,
        "--always": ALWAYS if always else None,
    }
    extents = {option: extent for option, extent in chosen.items() if extent is not None}
    if len(extents) > 1:
        raise click.UsageError(f"{' and '.join(extents)} can't be combined: choose one")
    extent = next(iter(extents.values()), ONCE)
    _decide(state, identity, GRANTED, confirmed=yes, as_json=as_json, extent=extent)


@approvals.command()
@shared_state_option
@json_option
@click.option("-y", "--yes", is_flag=True, help="Don't ask for confirmation.")
@click.argument("identity", metavar="ID")
def deny(state: SharedState, as_json: bool, yes: bool, identity: str) -> None:
    """Deny one call.

    Identical calls are denied too, until its time has run out.
    """
    _decide(state, identity, REFUSED, confirmed=yes, as_json=as_json)


def _decide(
    state: SharedState,
    identity: str,
    decision: str,
    *,
    confirmed: bool,
    as_json: bool,
    extent: Extent = ONCE,
) -> None:
    with _io_errors():
        store = _store(state)
        entry = _entry(store, identity)
        if not confirmed and entry.status(store.now_ns()) == PENDING:
            _confirm(entry, decision, store.now_ns())
        try:
            decided = record_decision(state, store, identity, decision, _HERE, extent)
        except decisions.NotPending as error:
            raise CommandError(str(error), NO) from None
    if as_json:
        print_entry(decided, store.now_ns(), as_json)
        return
    click.echo(outcome(state, decided, store.now_ns()))


def _answer(state: SharedState, store: Store, identity: str, decision: str, extent: Extent) -> str:
    """Decide on the page; returns what became of it, in a line."""
    try:
        decided = record_decision(state, store, identity, decision, _HERE, extent)
        return outcome(state, decided, store.now_ns())
    except decisions.NotPending as error:
        return str(error)


def _confirm(entry: Entry, decision: str, now_ns: int) -> None:
    if not sys.stdin.isatty():
        raise CommandError("expected a terminal to confirm on, found none: say --yes in scripts")
    print_entry(entry, now_ns, as_json=False)
    word = entry.id[-4:]
    what = "let this call through" if decision == GRANTED else "refuse this call"
    if click.prompt(f"Type {word} to {what}", default="", show_default=False) != word:
        click.echo("Nothing was changed.", err=True)
        raise SystemExit(NO)


def _store(state: SharedState) -> Store:
    if not state.has_approvals:
        raise CommandError(
            f"expected approvals in {state}, found none: name the boundary's state folder "
            "with --state"
        )
    return state.open_approvals()


def _entry(store: Store, identity: str) -> Entry:
    if not ID.fullmatch(identity):
        raise click.UsageError(f"expected an id such as apr_0123456789abcdef, found {identity!r}")
    entry = store.find(identity)
    if entry is None:
        raise CommandError(f"there is no request for approval {identity}.", NO)
    return entry
