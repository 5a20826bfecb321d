"""A person's decision on an approval, made by a process that isn't a boundary."""

from __future__ import annotations

from helm_boundary.approvals import decisions
from helm_boundary.approvals.entry import Entry
from helm_boundary.approvals.extent import ONCE, Extent
from helm_boundary.approvals.store import Store

from .shared_state import SharedState


def record_decision(
    state: SharedState,
    store: Store,
    identity: str,
    decision: str,
    where: str,
    extent: Extent = ONCE,
) -> Entry:
    """Record what the person at this process decided, and `where`; raises as `decide` does.

    A recorder is opened for this one receipt, in a journal of its own.
    """
    with state.recording("approvals") as recorder:
        by = f"{decisions.person()} ({where})"
        record = recorder.record_now
        return decisions.decide(store, record, identity, decision, by, extent)
