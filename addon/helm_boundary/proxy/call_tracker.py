"""The calls under way: which flow is which call, under which boundary, and cleared for what.

A call is in here from its request hook to its end. Each part of the addon that meets a flow looks
here for what the others know of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mitmproxy import connection, http

from helm_boundary.calls.refusal import Refusal
from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.flows.notes import mark
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_boundary.runtime.startup import Running
from helm_receipts.envelope.statement import End

from .guards.connection_guard import Clearance

logger = logging.getLogger(__name__)

_ALONE = Turn(0.001)
# A judgement or a sync usually takes less; a call or two that come meanwhile lose no more.


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A call that went to its upstream, and the boundary it began under, whatever came since."""

    exchange: Exchange
    running: Running


class UnderWay:
    """What is known of each flow that is a call, by the flow's id."""

    def __init__(self) -> None:
        self.owners: dict[str, Running] = {}
        """The boundary of each call, from the beginning of its judgement to its end."""
        self.forwarded: dict[str, Forwarded] = {}
        self.streams: dict[str, object] = {}
        """How each response streams, as we have chosen."""
        self.released: dict[str, object] = {}
        """The fingerprint of each response that may go to the client."""
        self.clearance = Clearance()

    @property
    def turn(self) -> Turn:
        """How long a call may keep the loop to itself: not at all beside others."""
        return _ALONE if len(self.owners) == 1 else NO_TURN

    def has(self, running: Running) -> bool:
        """Whether any call goes on under that boundary."""
        return running in self.owners.values()

    async def abandon(self, flow: http.HTTPFlow, end: End, unread: Refusal | None = None) -> None:
        """The flow's call, if it is one, has ended without a response that was let through."""
        call = self.forwarded.get(flow.id)
        if call is None:
            return
        try:
            await call.running.answers.abandon(call.exchange, end, self.turn, unread)
            mark(flow, call.exchange, call.running.boundary)
        except Exception:
            logger.exception("helm-boundary: an outcome could not be written")

    def refused(self, flow: http.HTTPFlow) -> None:
        """The flow's request goes nowhere."""
        self.forwarded.pop(flow.id, None)
        self.owners.pop(flow.id, None)

    def forget(self, flow: http.HTTPFlow) -> None:
        """The flow is over, but for the last look at what goes to the client."""
        self.refused(flow)
        self.streams.pop(flow.id, None)
        self.clearance.take(flow.client_conn, flow.id)

    async def sweep(self, client: connection.Client) -> None:
        """End what the client left without any other hook having told us."""
        for flow_id in self.clearance.take_all(client):
            call = self.forwarded.pop(flow_id, None)
            for kept in (self.owners, self.streams, self.released):
                kept.pop(flow_id, None)
            if call is not None:
                await call.running.answers.abandon(call.exchange, "client_gone", self.turn)
