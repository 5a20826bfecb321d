"""Requests in mitmproxy: each is judged, and goes on only if this gets to say so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import assert_never

from mitmproxy import http

from helm_boundary.approvals.wait import Again
from helm_boundary.calls.refusal import Refusal
from helm_boundary.enforcement.exchange import Live
from helm_boundary.enforcement.fallback_reply import CLOSED, NO_VERDICT, deny_without_verdict
from helm_boundary.enforcement.reply import Forward, Reply
from helm_boundary.flows import conversion
from helm_boundary.flows.notes import mark
from helm_boundary.runtime.startup import Running

from .call_tracker import Forwarded, UnderWay
from .hold import PATIENCE, Gone, Hold, resumed

logger = logging.getLogger(__name__)

MAX_CHANGES = 3
"""How often a flow may be changed under its judgement before that is a DENY."""


class Requests:
    """The addon's request half; `running` gives the boundary, or None while there is none.

    `bars` says why a request may not go to a host and port, None where it may.
    """

    def __init__(
        self,
        under_way: UnderWay,
        has_gone: Gone,
        running: Callable[[], Running | None],
        bars: Callable[[str, int], Awaitable[Refusal | None]],
    ) -> None:
        self._under_way = under_way
        self._has_gone = has_gone
        self._running = running
        self._bars = bars

    async def judge(self, flow: http.HTTPFlow) -> None:
        """Judge a flow's request: afterwards it is cleared, or answered, or dead."""
        # Whoever intercepts it may edit it: judge what comes of that.
        await resumed(flow, self._has_gone)
        if flow.response is not None or flow.error is not None:
            return
        passes = False
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                passes = await self._passes(flow, patience)
        except Exception as error:
            logger.exception("helm-boundary: a request could not be judged")
            passes = self._passes_unjudged(flow, error)
            if not passes:
                await self._under_way.abandon(flow, "killed")
        finally:
            if passes:
                cleared = conversion.fingerprint(flow)
                self._under_way.clearance.give(flow.client_conn, flow.id, cleared)
            else:
                self._under_way.refused(flow)
                if flow.response is None and flow.error is None:
                    flow.response = conversion.write_reply(deny_without_verdict(NO_VERDICT))

    def is_cleared(self, flow: http.HTTPFlow) -> bool:
        """Whether a request may leave just as it is now."""
        cleared = self._under_way.clearance.of(flow.client_conn, flow.id)
        return cleared is not None and cleared == conversion.fingerprint(flow)

    async def certify(self, flow: http.HTTPFlow) -> None:
        """Nothing leaves that hasn't been cleared, just as it is now."""
        if flow.response is not None or flow.error is not None:
            return
        if not self.is_cleared(flow):
            logger.error("helm-boundary: another addon kept a request from its judgement")
            flow.response = conversion.write_reply(deny_without_verdict(CLOSED))
            await self._under_way.abandon(flow, "killed")
            self._under_way.forget(flow)

    def _passes_unjudged(self, flow: http.HTTPFlow, error: Exception) -> bool:
        """Whether a request passes though judging it failed: where that is only observed."""
        running = self._under_way.owners.get(flow.id)
        if running is None or not running.observes:
            return False
        conversion.prepare_forwarding(flow.request, None)
        if flow.id not in self._under_way.forwarded:
            running.boundary.unrecorded.count(error)
        return True

    async def _passes(self, flow: http.HTTPFlow, patience: asyncio.Timeout) -> bool:
        under_way = self._under_way
        fingerprint = partial(conversion.fingerprint, flow)
        for turn in range(MAX_CHANGES):
            running = self._running()  # again: the policy may have changed while the flow waited
            if running is None:
                flow.response = conversion.write_reply(deny_without_verdict(CLOSED))
                return False
            under_way.owners[flow.id] = running
            hold = Hold(flow, patience, fingerprint, running.hold_seconds, self._has_gone)
            conversion.frame(flow.request)
            judged = conversion.fingerprint(flow)
            identity = conversion.call_id(flow, again=turn > 0)
            live = running.boundary.recognise(conversion.read_request(flow, identity))
            barred = await self._bars(flow.request.host, flow.request.port)
            if live is None:
                del under_way.owners[flow.id]
                if barred is not None:
                    flow.response = conversion.write_reply(deny_without_verdict(barred))
                return barred is None
            live.refusal = live.refusal or barred
            match await self._ask(flow, live, running, hold):
                case Reply() as reply:
                    refuse(flow, reply, running)
                    return False
                case Forward(body):
                    if conversion.fingerprint(flow) == judged and not flow.intercepted:
                        conversion.prepare_forwarding(flow.request, body)
                        return True
                    await running.answers.abandon(live, "killed")
                case Again.AGAIN:
                    pass
                case never:
                    assert_never(never)
            # It was changed meanwhile: judge what it is now.
        return False

    async def _ask(
        self, flow: http.HTTPFlow, live: Live, running: Running, hold: Hold
    ) -> Forward | Reply | Again:
        show = partial(mark, flow, live, running.boundary)
        live.park = hold.park(show) if running.holds else None
        live.patience = self._under_way.patience
        result = await running.boundary.judge_request(live)
        if isinstance(result, Forward):  # it has its receipt, so that it gets its outcome too
            self._under_way.forwarded[flow.id] = Forwarded(live, running)
        show()
        return result


def refuse(flow: http.HTTPFlow, reply: Reply, running: Running) -> None:
    """Answer a flow with a reply, or end it where that is what denials do (`helm_on_deny`)."""
    if running.kills and not reply.asks:
        flow.kill()
    else:
        flow.response = conversion.write_reply(reply)
