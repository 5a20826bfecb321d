"""The filters of `receipts list`, `tail` and `export`: what is asked for, and what there is.

A value that can't be is a usage error. One that could be and that no receipt has is told, with
those that receipts have, where nothing was found.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

import click

from helm_boundary.runtime.kept_policies import groups_of
from helm_receipts.envelope.record import Record
from helm_receipts.envelope.statement import PHASES, VERDICTS
from helm_receipts.export.select import Selection, select, tools_of
from helm_receipts.layout import Layout

from .exits import CommandError
from .times import MOMENT

_MOST = 8
_OPTIONS: tuple[tuple[str, str, click.ParamType[Any] | None, str], ...] = (
    ("verdict", "VERDICT", click.Choice(VERDICTS, case_sensitive=False), "A verdict."),
    ("phase", "PHASE", click.Choice(PHASES, case_sensitive=False), "What it is about."),
    ("operation", "ID", None, "An operation, such as createChatCompletion."),
    ("model", "NAME", None, "The model that was asked for."),
    ("host", "NAME", None, "The host that was called."),
    ("tool", "NAME", None, "A tool that was to be called."),
    ("rule", "RULE", None, "A rule such as models.unlisted, or all of models."),
    ("call", "ID", None, "A call's id, or its correlation id."),
    ("principal", "NAME", None, "The proxy user, or the pseudonym of an API key."),
    ("group", "NAME", None, "A group of callers, as the policy had it then."),
    ("reason", "CODE", None, "A reason code."),
    ("since", "TIME", MOMENT, "From when: 7d, 12h, 2026-11-23, or RFC 3339."),
    ("until", "TIME", MOMENT, "Until when, exclusive."),
)
_VALUES: dict[str, Callable[[dict[str, Any]], set[Any]]] = {
    "operation": lambda said: {(said.get("flow") or {}).get("operation")},
    "model": lambda said: {(said.get("flow") or {}).get("model")},
    "host": lambda said: {(said.get("flow") or {}).get("host")},
    "tool": tools_of,
    "rule": lambda said: {reason["rule"] for reason in said["reasons"]},
    "reason": lambda said: {reason["code"] for reason in said["reasons"]},
    "principal": lambda said: {(said.get("client") or {}).get("principal")},
}


def selection_options[C: Callable[..., Any]](command: C) -> C:
    """Add the filters, all of which must match."""
    for name, metavar, kind, text in reversed(_OPTIONS):
        shown = None if isinstance(kind, click.Choice) else metavar
        command = click.option(f"--{name}", metavar=shown, type=kind, help=text)(command)
    return command


def selection(state: Layout, filters: dict[str, str | None]) -> Selection:
    """Make a selection of what was asked for; an error for what can't be."""
    asked = dict(filters)
    group = asked.pop("group", None)
    since, until = asked["since"], asked["until"]
    if since and until and since >= until:
        raise click.UsageError(f"--since {since} isn't before --until {until}")
    return Selection(**asked, caller=_members(state, group) if group else None)


def tell_nothing(state: Layout, filters: dict[str, str | None]) -> None:
    """Say what receipts have, where no receipt has what was asked for."""
    for name, wanted in filters.items():
        if wanted is None or name not in _VALUES:
            continue
        there = {
            value
            for record in select(state.journal, Selection())
            for value in _VALUES[name](record.predicate)
            if value
        }
        if not any(_is(name, wanted, value) for value in there):
            near = difflib.get_close_matches(wanted, there, _MOST) or sorted(there)[:_MOST]
            known = f"receipts have {', '.join(near)}" if near else "no receipt has any"
            click.echo(f"no receipt has the {name} {wanted!r}: {known}", err=True)


def _is(name: str, wanted: str, value: str) -> bool:
    return f"{value}.".startswith(f"{wanted}.") if name == "rule" else wanted == value


def _members(state: Layout, group: str) -> Callable[[dict[str, Any]], bool]:
    """Tell callers of a group, by the policy that decided; an error where no policy has it."""
    groups = dict(groups_of(state.state))
    known = sorted({name for each in groups.values() for name in each})
    if group not in known:
        told = ", ".join(known) or "none"
        raise CommandError(f"no policy that was kept here has the group {group!r}: {told}")

    def is_member(said: dict[str, Any]) -> bool:
        digest = ((said.get("policy") or {}).get("digest") or {}).get("sha256", "")
        client, members = said.get("client") or {}, groups.get(digest, {}).get(group, frozenset())
        return not members.isdisjoint({client.get("principal"), client.get("keyId")} - {None})

    return is_member


def chosen(state: Layout, filters: dict[str, str | None]) -> Iterator[Record]:
    """List the receipts that are asked for."""
    return select(state.journal, selection(state, filters))
