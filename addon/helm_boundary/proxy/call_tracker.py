"""The flows under way, by their ids.

A flow is followed from its request hook to its end. Each part of the addon that meets a flow asks
here what the others know of it, and tells here what it has done; nothing else writes a record.
"""

from __future__ import annotations

import logging

from mitmproxy import connection, http

from helm_boundary.calls.refusal import Refusal
from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.flows.notes import mark
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_boundary.runtime.startup import Running
from helm_receipts.envelope.statement import End

from .tracked_flow import OPEN, Forwarded, State, Tracked

logger = logging.getLogger(__name__)

_ALONE = Turn(0.001)
# A judgement or a sync usually takes less; a call or two that come meanwhile lose no more.


class CallTracker:
    """Follows flows, by their ids."""

    def __init__(self) -> None:
        self._flows: dict[str, Tracked] = {}

    # -- what is known -------------------------------------------------------------------------

    @property
    def turn(self) -> Turn:
        """How long a call may keep the loop to itself: not at all beside others."""
        return _ALONE if self.is_alone else NO_TURN

    @property
    def is_alone(self) -> bool:
        """Whether one call is under way, and no other."""
        calls = (each for each in self._flows.values() if each.state in OPEN)
        return next(calls, None) is not None and next(calls, None) is None

    def uses(self, running: Running) -> bool:
        """Tell whether any call goes on under that boundary's policy, in whichever mode."""
        return any(
            each.running is not None and each.running.engine is running.engine
            for each in self._flows.values()
            if each.state in OPEN
        )

    def may_connect(self, client: connection.Client) -> bool:
        """Tell whether any request of that client may leave."""
        return any(
            each.client == client.id and each.clearance is not None for each in self._flows.values()
        )

    def running(self, flow: http.HTTPFlow) -> Running | None:
        """Return the boundary that judges a flow, from the beginning of its judgement on."""
        tracked = self._flows.get(flow.id)
        return None if tracked is None else tracked.running

    def clearance(self, flow: http.HTTPFlow) -> object | None:
        """Return the fingerprint of a flow's request when it was cleared; None if it wasn't."""
        tracked = self._flows.get(flow.id)
        return None if tracked is None else tracked.clearance

    def is_followed(self, flow: http.HTTPFlow) -> bool:
        """Tell whether a flow's judgement has begun, and the flow isn't over."""
        return flow.id in self._flows

    def is_refused(self, flow: http.HTTPFlow) -> bool:
        """Tell whether a flow's request goes nowhere."""
        tracked = self._flows.get(flow.id)
        return tracked is not None and tracked.state is State.REFUSED

    def is_answered(self, flow: http.HTTPFlow) -> bool:
        """Tell whether another addon has answered a flow's request."""
        tracked = self._flows.get(flow.id)
        return tracked is not None and tracked.is_answered

    def is_untouched(self, flow: http.HTTPFlow) -> bool:
        """Tell whether a flow passes without being judged."""
        tracked = self._flows.get(flow.id)
        return tracked is not None and tracked.state is State.UNTOUCHED

    def forwarded(self, flow: http.HTTPFlow) -> Forwarded | None:
        """Return the call of a flow whose request may leave and whose response isn't judged yet."""
        tracked = self._flows.get(flow.id)
        return (
            tracked.forwarded if tracked is not None and tracked.state is State.FORWARDED else None
        )

    def stream(self, flow: http.HTTPFlow) -> object:
        """Return how a flow's response streams, as it was chosen; not at all where it wasn't."""
        tracked = self._flows.get(flow.id)
        return False if tracked is None else tracked.stream

    # -- what is done --------------------------------------------------------------------------

    def begin(self, flow: http.HTTPFlow, running: Running) -> None:
        """Follow a flow, whose request is judged under that boundary from now on."""
        self._flows[flow.id] = Tracked(_client_of(flow), running)

    def forward(self, flow: http.HTTPFlow, exchange: Exchange, running: Running) -> None:
        """Note that a flow's request was let through: it is a call that gets an outcome."""
        tracked = self._flows[flow.id]
        tracked.state, tracked.forwarded = State.FORWARDED, Forwarded(exchange, running)

    def clear(self, flow: http.HTTPFlow, fingerprint: object) -> None:
        """Let a flow's request leave, just as it is now."""
        tracked = self._flows[flow.id]
        tracked.clearance = fingerprint
        if tracked.state is State.JUDGING:
            tracked.state = State.UNTOUCHED

    def choose(self, flow: http.HTTPFlow, stream: object) -> None:
        """Note how a flow's response streams."""
        tracked = self._flows.get(flow.id)
        if tracked is not None:  # else its client has gone meanwhile
            tracked.stream = stream

    def release(self, flow: http.HTTPFlow, fingerprint: object) -> None:
        """Let a flow's response go to the client, just as it is now; nothing else of it may."""
        tracked = self._flows.get(flow.id)
        if tracked is not None:  # else its client has gone meanwhile
            tracked.state, tracked.released = State.RELEASED, fingerprint
            tracked.clearance = None

    def take_released(self, flow: http.HTTPFlow) -> object | None:
        """Return the fingerprint of a response that was released, and forget its flow."""
        tracked = self._flows.get(flow.id)
        if tracked is None or tracked.state is not State.RELEASED:
            return None
        del self._flows[flow.id]
        return tracked.released

    def refuse(self, flow: http.HTTPFlow) -> None:
        """Note that a flow's request goes nowhere, and what its client gets instead."""
        known = self._flows.get(flow.id)
        self._flows[flow.id] = Tracked(
            _client_of(flow),
            None if known is None else known.running,
            State.REFUSED,
            reply=None if flow.response is None else flow.response.copy(),
        )

    def take_reply(self, flow: http.HTTPFlow) -> http.Response | None:
        """Return our reply to a request that was refused, and forget its flow."""
        if not self.is_refused(flow):
            return None
        return self._flows.pop(flow.id).reply

    def answer(self, flow: http.HTTPFlow) -> None:
        """Note that another addon has answered a request that may leave."""
        self._flows[flow.id].is_answered = True

    def connect(self, flow: http.HTTPFlow, client: connection.Client) -> None:
        """Note for which client a flow's upstream is connected; a replay has another one."""
        tracked = self._flows.get(flow.id)
        if tracked is not None:
            tracked.client = client.id

    def forget(self, flow: http.HTTPFlow) -> None:
        """Follow a flow no longer: it is over, or its request goes nowhere."""
        self._flows.pop(flow.id, None)

    async def abandon(self, flow: http.HTTPFlow, end: End, unread: Refusal | None = None) -> None:
        """End a flow's call, if it is one, without a response that was let through."""
        call = self.forwarded(flow)
        if call is None:
            return
        try:
            await call.running.answers.abandon(call.exchange, end, self.turn, unread)
            mark(flow, call.exchange, call.running.boundary)
        except Exception:
            logger.exception("helm-boundary: an outcome could not be written")

    async def sweep(self, client: connection.Client) -> None:
        """End what the client left without any other hook having told us."""
        left = [
            flow_id
            for flow_id, each in self._flows.items()
            if each.client == client.id
            and (each.clearance is not None or each.state is State.REFUSED)
        ]
        for flow_id in left:
            tracked = self._flows.pop(flow_id, None)
            if tracked is not None and (call := tracked.forwarded) is not None:
                await call.running.answers.abandon(call.exchange, "client_gone", self.turn)


def _client_of(flow: http.HTTPFlow) -> str:
    """Return the id of the client that a flow ends with: a replay isn't its first client's."""
    return "" if flow.is_replay == "request" else flow.client_conn.id
