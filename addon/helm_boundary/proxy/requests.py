"""Requests in mitmproxy: each is judged, and goes on only if this module says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import assert_never

from mitmproxy import http

from helm_boundary.approvals.wait import Again
from helm_boundary.calls.refusal import Refusal
from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.enforcement.fallback_reply import CLOSED, NO_VERDICT, deny_without_verdict
from helm_boundary.enforcement.reply import Forward, Reply
from helm_boundary.flows import conversion
from helm_boundary.flows.notes import mark
from helm_boundary.runtime.startup import Running

from .call_tracker import CallTracker
from .hold import Gone, Hold, is_killed, patience, resumed

logger = logging.getLogger(__name__)

MAX_CHANGES = 3
"""How often a flow may be changed under its judgement before that is a DENY."""

_ENDED = Refusal(
    "CONTEXT_MISMATCH",
    "another addon, or a person at the proxy, ended this call before it was judged",
    "instance_context",
)


class Requests:
    """The addon's request half; `running` gives the boundary, or None while there is none.

    `bars` says why a request may not go to a host and port, None where it may.
    """

    def __init__(
        self,
        tracker: CallTracker,
        has_gone: Gone,
        running: Callable[[], Running | None],
        bars: Callable[[str, int], Awaitable[Refusal | None]],
    ) -> None:
        self._tracker = tracker
        self._has_gone = has_gone
        self._running = running
        self._bars = bars

    async def judge(self, flow: http.HTTPFlow) -> None:
        """Judge a flow's request; afterwards it is cleared, answered or killed.

        One that another addon has answered or killed is a call like others.
        """
        # Whoever intercepts it may edit it: judge what comes of that.
        await resumed(flow, self._has_gone)
        given, passes = flow.response, False
        try:
            async with asyncio.timeout(patience(flow.request.raw_content)) as deadline:
                passes = await self._passes(flow, deadline)
        except Exception as error:
            logger.exception("helm-boundary: a request could not be judged")
            passes = self._passes_unjudged(flow, error)
            if not passes:
                await self._tracker.abandon(flow, "killed")
        finally:
            if passes:
                self._tracker.clear(flow, conversion.fingerprint(flow))
            else:
                if flow.response is given:
                    reply = deny_without_verdict(NO_VERDICT)
                    flow.response = None if is_killed(flow) else conversion.write_reply(reply)
                self._tracker.refuse(flow)

    async def note_killed(self, flow: http.HTTPFlow) -> None:
        """Judge a request that was killed before its judgement: then it has a receipt."""
        if is_killed(flow) and not self._tracker.is_followed(flow):
            await self.judge(flow)

    def is_cleared(self, flow: http.HTTPFlow) -> bool:
        """Tell whether a request may leave just as it is now."""
        cleared = self._tracker.clearance(flow)
        return cleared is not None and cleared == conversion.fingerprint(flow)

    async def certify(self, flow: http.HTTPFlow) -> None:
        """Deny a request that isn't exactly what was cleared, whoever answers it."""
        await self.note_killed(flow)
        if flow.response is not None and not self._tracker.is_followed(flow):
            await self.judge(flow)  # whoever answered it kept it from us
        if is_killed(flow) or (flow.response is not None and self._tracker.is_refused(flow)):
            return
        if not self.is_cleared(flow):
            logger.error("helm-boundary: another addon kept a request from its judgement")
            flow.response = conversion.write_reply(deny_without_verdict(CLOSED))
            await self._tracker.abandon(flow, "killed")
            self._tracker.refuse(flow)
        elif flow.response is not None:
            self._tracker.answer(flow)

    def _passes_unjudged(self, flow: http.HTTPFlow, error: Exception) -> bool:
        """Let a request pass that could not be judged, where verdicts are only observed."""
        running = self._tracker.running(flow)
        if running is None or not running.boundary.passes_unjudged:
            return False
        conversion.prepare_forwarding(flow.request, None)
        if self._tracker.forwarded(flow) is None:
            running.boundary.unrecorded.count(error)
        return True

    async def _passes(self, flow: http.HTTPFlow, deadline: asyncio.Timeout) -> bool:
        fingerprint = partial(conversion.fingerprint, flow)
        for turn in range(MAX_CHANGES):
            running = self._running()  # again: the policy may have changed while the flow waited
            if running is None:
                flow.response = conversion.write_reply(deny_without_verdict(CLOSED))
                return False
            self._tracker.begin(flow, running)
            hold = Hold(flow, deadline, fingerprint, running.hold_seconds, self._has_gone)
            conversion.frame(flow.request)
            judged = conversion.fingerprint(flow)
            identity = conversion.call_id(flow, again=turn > 0)
            sent = conversion.read_request(flow, identity)
            exchange = await running.boundary.recognise(sent)
            barred = await self._barred(flow)
            if exchange is None:
                if barred is not None:
                    flow.response = conversion.write_reply(deny_without_verdict(barred))
                return barred is None
            if is_killed(flow) or (barred is not None and exchange.refusal is None):
                exchange = replace(exchange, refusal=barred or _ENDED)
            match await self._ask(flow, exchange, running, hold):
                case Reply() as reply:
                    refuse(flow, reply, running)
                    return False
                case Forward(body):
                    if conversion.fingerprint(flow) == judged and not flow.intercepted:
                        trace = exchange.progress.trace
                        traceparent = trace.leg.header if trace else None
                        conversion.prepare_forwarding(flow.request, body, traceparent)
                        return True
                    await running.answers.abandon(exchange, "killed")
                case Again.AGAIN:
                    pass
                case never:
                    assert_never(never)
            # It was changed meanwhile: judge what it is now.
        return False

    async def _barred(self, flow: http.HTTPFlow) -> Refusal | None:
        """Return why a request may not go where it would; one that has its answer goes nowhere."""
        if flow.response is not None:
            return None
        return await self._bars(flow.request.host, flow.request.port)

    async def _ask(
        self, flow: http.HTTPFlow, exchange: Exchange, running: Running, hold: Hold
    ) -> Forward | Reply | Again:
        show = partial(mark, flow, exchange, running.boundary)
        park = hold.park(show) if running.holds else None
        result = await running.boundary.judge_request(exchange, self._tracker.turn, park)
        if isinstance(result, Forward):  # it has its receipt, so that it gets its outcome too
            self._tracker.forward(flow, exchange, running)
        show()
        return result


def refuse(flow: http.HTTPFlow, reply: Reply, running: Running) -> None:
    """Answer a flow with a reply, or kill it where that is what denials do (`helm_on_deny`)."""
    if running.kills and not reply.asks:
        flow.kill()
    else:
        flow.response = conversion.write_reply(reply)
