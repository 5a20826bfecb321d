"""Checks of what receipts need: a state folder that takes synced writes, and a sane clock."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from cryptography import x509

from helm_boundary.runtime.ca_authority import authority_faults
from helm_boundary.runtime.health import Health
from helm_receipts.envelope.predicate import nanoseconds
from helm_receipts.errors import ReceiptError
from helm_receipts.journal.reader import Line, read_record
from helm_receipts.journal.records import last_line
from helm_receipts.journal.segments import list_segments, list_writers, written_size
from helm_receipts.layout import Layout
from helm_receipts.storage.custody import state_faults
from helm_receipts.storage.ownership import Fault, keepers_of

from .finding import NO, UNKNOWN, YES, Finding, judged

_SLOW_SYNC = 0.25
_BACKWARDS = 5.0
"""Seconds by which a clock may be behind the newest receipt."""


def look_at_ownership(state: Path, health: Health | None) -> Iterator[Finding]:
    """Check that nobody else can change the state folder or the authority, or read the keys."""
    by = keepers_of(state)
    yield _owned_by_its_user(
        "the state folder is its user's alone", state, partial(state_faults, by=by)
    )
    if health is not None:
        folder, look = Path(health.ca_file).parent, partial(authority_faults, by=by)
        yield _owned_by_its_user("the authority is its user's alone", folder, look)


def _owned_by_its_user(
    looked_at: str, folder: Path, look: Callable[[Path], Iterator[Fault]]
) -> Finding:
    try:
        fault = next(look(folder), None)
    except OSError as error:
        return Finding(looked_at, UNKNOWN, str(error), "run doctor as its user")
    if fault is None:
        return Finding(looked_at, YES, str(folder))
    return Finding(looked_at, NO, f"{fault.path}: {fault.found}", fault.remedy)


def look_at_journal(state: Path) -> Finding:
    """Check that a write can be made durable where receipts go, and how long it takes."""
    looked_at = "the journal's file system takes synced writes"
    try:
        with tempfile.TemporaryFile(dir=state) as probe:
            probe.write(b"\n" * 4096)
            probe.flush()
            begun = time.perf_counter()
            os.fsync(probe.fileno())
            took = time.perf_counter() - begun
    except OSError as error:
        return Finding(looked_at, NO, str(error), "free some room, or run doctor as its user")
    return judged(
        took < _SLOW_SYNC,
        looked_at,
        f"{state}, a sync took {took * 1000:.1f} ms",
        "keep the state on a local disk: every call waits for two syncs",
    )


def look_at_clock(state: Path, health: Health | None) -> Iterator[Finding]:
    """Check that it is later than the newest receipt, and within the authority's lifetime."""
    now = time.time()
    newest, looked_at = _newest(Layout(state).journal), "the clock runs forward"
    if newest is None:
        yield Finding(looked_at, UNKNOWN, "no receipt yet", "make a call and look again")
    else:
        age = now - newest
        yield judged(
            age > -_BACKWARDS,
            looked_at,
            f"the newest receipt is {abs(age):.0f} s {'old' if age >= 0 else 'ahead of it'}",
            "set the clock, and see that it is kept (timedatectl, chrony)",
        )
    if health is not None:
        yield look_at_lifetime(health)


def look_at_lifetime(health: Health) -> Finding:
    """Check that now is within the authority's lifetime."""
    looked_at, authority, now = "the authority is valid now", Path(health.ca_file), time.time()
    try:
        certificate = x509.load_pem_x509_certificate(authority.read_bytes())
    except (OSError, ValueError) as error:
        return Finding(looked_at, UNKNOWN, str(error), "run doctor as its user")
    begins = certificate.not_valid_before_utc.timestamp()
    ends = certificate.not_valid_after_utc.timestamp()
    return judged(
        begins <= now <= ends,
        looked_at,
        f"until {certificate.not_valid_after_utc:%Y-%m-%d}",
        f"set the clock, or remove {authority.parent} and install the new authority everywhere",
    )


def _newest(journal: Path) -> float | None:
    """Return when the newest receipt was signed, in seconds since 1970; None without receipts."""
    times = []
    for writer in list_writers(journal) if journal.is_dir() else ():
        for segment in list_segments(writer)[-1:]:
            raw = last_line(writer, (segment, written_size(segment)))
            try:
                record = read_record(Line(segment, 0, raw))
            except (ReceiptError, ValueError):
                continue
            times.append(nanoseconds(record.predicate["decidedAt"]) / 1e9)
    return max(times, default=None)
