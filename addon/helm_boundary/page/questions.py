"""What waits for a person, as the page shows it, and what the person decides there."""

from __future__ import annotations

from typing import Any

from helm_boundary.approvals.entry import GRANTED, REFUSED, Entry
from helm_boundary.approvals.extent import ONCE, for_time
from helm_boundary.approvals.report import caller_of, seconds_left, sentences
from helm_boundary.approvals.store import Store
from helm_boundary.approvals.summary import tools_of
from helm_boundary.runtime.decision_recording import record_decision
from helm_boundary.runtime.shared_state import SharedState

ANSWERS = {"once": (GRANTED, ONCE), "hour": (GRANTED, for_time(3600)), "deny": (REFUSED, ONCE)}
"""What a person can say: the decision, and how far a grant goes."""
_ARGUMENTS = 120


class Questions:
    """The approvals of a state; without any until a boundary has made their folder."""

    def __init__(self, state: SharedState) -> None:
        self._state = state
        self._store: Store | None = None

    def waiting(self) -> list[dict[str, Any]]:
        """List what waits for a person, the oldest first; raises StoreError."""
        store = self._opened()
        if store is None:
            return []
        now = store.now_ns()
        return [_told(entry, now) for entry in store.pending(now)]

    def of_call(self, flow: str) -> list[dict[str, Any]]:
        """List what a person was asked about a call, while that is kept; raises StoreError."""
        store = self._opened()
        if store is None:
            return []
        now = store.now_ns()
        return [_told(entry, now) for entry in store.entries() if entry.request.flow.id == flow]

    def answer(self, identity: str, answer: str) -> dict[str, Any]:
        """Decide on a question, with a receipt; raises as `record_decision` does."""
        decision, extent = ANSWERS[answer]
        store = self._opened() or self._state.open_approvals()
        entry = record_decision(self._state, store, identity, decision, "page", extent)
        return _told(entry, store.now_ns())

    def _opened(self) -> Store | None:
        if self._store is None and self._state.has_approvals:
            self._store = self._state.open_approvals()
        return self._store


def _told(entry: Entry, now: int) -> dict[str, Any]:
    request = entry.request
    return {
        "id": entry.id,
        "status": entry.status(now),
        "secondsLeft": seconds_left(entry, now),
        "model": request.flow.model,
        "operation": request.flow.operation,
        "who": caller_of(request),
        "rules": list(dict.fromkeys(reason.rule for reason in request.reasons)),
        "messages": list(request.messages),
        "what": tools_of(request.summary, _ARGUMENTS),
        "held": request.held,
        "receipt": request.request_receipt,
        "sentences": sentences(entry, now),
        "by": entry.decided.by if entry.decided else None,
    }
