"""Decisions on requests for approval: one each, its receipt first, then its effect."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from helm_receipts.envelope.statement import Draft
from helm_receipts.recording.recorder import Receipt

from .entry import EXPIRED, GRANTED, PENDING, USED, Decided, Ended, Entry
from .extent import ONCE, Extent
from .receipts import draft_approval
from .store import Store

type Record = Callable[[Draft], Receipt]
"""Makes a receipt durable, or raises ReceiptError."""

CLOCK = "nobody: the time ran out"
NEW_POLICY = "nobody: the policy changed"


class NotPending(Exception):
    """The request can't be decided on (any more); the message says what became of it."""


class NoSession(NotPending):
    """The request is of no session, so that it can't be granted for one."""


def decide(
    store: Store, record: Record, identity: str, decision: str, by: str, extent: Extent = ONCE
) -> Entry:
    """Grant, refuse, withdraw or expire a pending request; returns how it stands.

    `extent` says how far a grant goes. One for `always` that names no session is good once.

    Raises:
        NotPending: there is no such request, or it was decided or has expired.
        NoSession: it is to be granted for its session, and its client named none.
        ReceiptError: there is no receipt of it, so it wasn't decided.
        StoreError: the store can't be written.
    """
    with store.deciding():
        entry = store.find(identity)
        now = store.now_ns()
        if entry is None:
            raise NotPending(
                f"there is no request for approval {identity}; `approvals list` shows them"
            )
        if not _may_be_decided(entry, decision, now):
            raise NotPending(f"{identity} is {_said(entry, now)}; nothing was changed")
        extent = _possible(entry, extent)
        until = now + extent.seconds * 10**9 if extent.seconds else 0
        session = entry.request.binding.session if extent.is_of_session else ""
        receipt = record(draft_approval(entry.request, decision, by, extent=extent, until_ns=until))
        decided = Decided(decision, by, now, receipt.id, until, extent.kind, session)
        store.decide(identity, decided)
    entry = store.find(identity)
    if entry is None:
        raise NotPending(f"{identity} has been removed meanwhile")
    return entry


def expire(store: Store, record: Record) -> Iterator[None]:
    """Expire every request and grant whose time has run out; raises as `decide` does.

    Each step is one receipt: many may run out at once, and calls go on in between.
    """
    now = store.now_ns()
    for entry in store.entries():
        if now < entry.expires_ns or entry.ended is not None:
            continue
        if entry.decided is None:
            with contextlib.suppress(NotPending):  # another process was faster
                decide(store, record, entry.id, EXPIRED, CLOCK)
        elif entry.decided.decision == GRANTED and store.end(entry.id, Ended(EXPIRED, "", now)):
            record(draft_approval(entry.request, EXPIRED, CLOCK))
        yield


def person() -> str:
    """Name the user that this process runs as."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.geteuid()}"


def _possible(entry: Entry, extent: Extent) -> Extent:
    """Return an extent as far as a request allows it: what has no session isn't granted for it."""
    if not extent.is_of_session or entry.request.binding.session:
        return extent
    if extent.kind == "session":
        raise NoSession(
            f"{entry.id} names no session, so nothing was changed: grant it for a time (--for 1h), "
            "or have its client send X-Helm-Session"
        )
    return replace(extent, seconds=0)


def _may_be_decided(entry: Entry, decision: str, now: int) -> bool:
    status = entry.status(now)
    return status == PENDING or (decision == EXPIRED and status == EXPIRED and not entry.decided)


def _said(entry: Entry, now: int) -> str:
    status = entry.status(now)
    who = f" by {entry.decided.by}" if entry.decided and status not in (EXPIRED, USED) else ""
    return f"already {status}{who}"
