"""What `helm-boundary approvals` prints: a row for each call, one call whole, or JSON."""

from __future__ import annotations

import json
from typing import Any

import click

from helm_boundary.approvals.entry import GRANTED, PENDING, Entry, write_request
from helm_boundary.approvals.report import (
    caller_of,
    rules_of,
    seconds_left,
    sentences,
    subject_of,
)
from helm_boundary.approvals.store import Store
from helm_receipts.envelope.predicate import rfc3339
from helm_receipts.export.explain import printable

_ARGUMENTS = 80
"""Characters of a tool call's arguments in a list."""
_WIDTHS = (20, 9, 7, 20, 16, 20)
_SHOWN = (
    "phase",
    "held",
    "reasons",
    "messages",
    "summary",
    "flow",
    "client",
    "policy",
    "request_receipt",
)


def print_changes(store: Store, shown: dict[str, str], as_json: bool, everything: bool) -> None:
    """Print what is new or has changed since it was `shown`, by id; decided ones by choice."""
    now = store.now_ns()
    for entry in store.entries():
        status = entry.status(now)
        if shown.get(entry.id) == status or (status != PENDING and not everything):
            continue
        if as_json:
            click.echo(json.dumps(_as_json(entry, now)))
        else:
            if not shown:
                click.echo(_columns("ID", "STATUS", "LEFT", "MODEL", "WHO", "RULES", "WHAT"))
            click.echo(_row(entry, status, now))
        shown[entry.id] = status


def _row(entry: Entry, status: str, now: int) -> str:
    request = entry.request
    left = f"{seconds_left(entry, now)} s" if status in (PENDING, GRANTED) else ""
    return _columns(
        entry.id,
        status,
        left,
        request.flow.model or "-",
        caller_of(request),
        rules_of(request),
        subject_of(request, _ARGUMENTS),
    )


def _columns(*cells: str) -> str:
    """Lay out cells in columns, cut where they don't fit; the last one takes what it needs."""
    *narrow, last = map(printable, cells)
    cut = (
        cell if len(cell) <= width else f"{cell[: width - 1]}…"
        for cell, width in zip(narrow, _WIDTHS, strict=True)
    )
    padded = (f"{cell:<{width}}" for cell, width in zip(cut, _WIDTHS, strict=True))
    return "  ".join([*padded, last]).rstrip()


def print_entry(entry: Entry, now_ns: int, as_json: bool) -> None:
    """Print one call whole."""
    if as_json:
        click.echo(json.dumps(_as_json(entry, now_ns)))
        return
    for line in sentences(entry, now_ns):
        click.echo(line)


def _as_json(entry: Entry, now: int) -> dict[str, Any]:
    request = write_request(entry.request)
    value = {
        "id": entry.id,
        "status": entry.status(now),
        "seconds_left": seconds_left(entry, now),
        "created_at": rfc3339(entry.request.created_ns),
        "expires_at": rfc3339(entry.expires_ns),
        **{name: request[name] for name in _SHOWN},
    }
    if entry.decided is not None:
        value["decided"] = {
            "decision": entry.decided.decision,
            "by": entry.decided.by,
            "at": rfc3339(entry.decided.at_ns),
            "receipt": entry.decided.receipt,
            "good_for": entry.decided.good_for,
        }
    if entry.ended is not None:
        value["ended"] = {"end": entry.ended.end, "at": rfc3339(entry.ended.at_ns)}
    return value
