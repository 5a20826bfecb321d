"""How many questions may wait for a person: in all, of one caller, and from one address."""

from __future__ import annotations

from typing import Protocol

from helm_boundary.approvals.entry import Entry
from helm_boundary.approvals.network import network_of
from helm_receipts.envelope.statement import ClientFacts

from .exchange import Exchange

MAX_PENDING = 1000
"""Requests that may wait for a person at a time, over all processes on a state folder."""

MAX_PENDING_EACH = 100
"""Requests of one caller (its key and its proxy user) that may, so that others can ask too.

Flows that are held are counted by themselves, as the operator said (`helm_hold_max`).
"""

MAX_PENDING_NETWORK = 300
"""Requests from one address that may, whatever keys they carry: a client can make keys up."""


class Waiting(Protocol):
    """What knows the questions that wait: the store."""

    def pending(self, now_ns: int) -> list[Entry]:
        """Return the questions that wait for a person, oldest first."""
        ...


def crowd_of(store: Waiting, exchange: Exchange, now: int, *, is_held: bool) -> str | None:
    """Say whose questions are too many for one more; None where they aren't."""
    pending = [entry.request for entry in store.pending(now)]
    if len(pending) >= MAX_PENDING:
        return ""
    caller = ClientFacts(exchange.request.principal, exchange.key_id)
    own = sum(request.client == caller for request in pending)
    if own >= MAX_PENDING_EACH and not is_held:
        return "of this client "
    network = network_of(exchange.request.client_address)
    near = sum(request.network == network for request in pending)
    return "from this address " if near >= MAX_PENDING_NETWORK and network else None
