"""Responses in mitmproxy: each is judged, whole or as it streams, before the client has it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from mitmproxy import connection, http

from helm_boundary.approvals.wait import Park
from helm_boundary.calls.call import HttpResponse
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.enforcement.fallback_reply import CLOSED, NO_VERDICT, deny_without_verdict
from helm_boundary.enforcement.reply import Reply
from helm_boundary.enforcement.responses import Release
from helm_boundary.flows import conversion
from helm_boundary.flows.notes import mark
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.tap import AskedTap, Tap
from helm_receipts.envelope.statement import End

from .call_tracker import CallTracker
from .client_presence import Leaving
from .held_answers import HeldAnswers
from .hold import Hold, patience, resumed
from .requests import MAX_CHANGES, refuse
from .stream_feed import OursOnly, TapFeed
from .tracked_flow import Forwarded
from .websockets import Sockets

logger = logging.getLogger(__name__)


class Responses:
    """The addon's response half."""

    def __init__(self, tracker: CallTracker, leaving: Leaving, sockets: Sockets) -> None:
        self._tracker = tracker
        self._has_gone = leaving.has_gone
        self._held = HeldAnswers(tracker, leaving)
        self._sockets = sockets

    async def begin(self, flow: http.HTTPFlow) -> None:
        """Choose how a response is judged, by its headers; untouched traffic streams through."""
        call, response = self._tracker.forwarded(flow), flow.response
        if response is None:
            return
        response.headers.pop("alt-svc", None)  # or clients would try HTTP/3, which goes past us
        if call is None:
            if self._tracker.is_untouched(flow):
                response.stream = True
            return
        response.stream = False
        try:
            await self._begin(flow, response, call)
        except Exception:
            if call.running.boundary.passes_unjudged:
                logger.exception("helm-boundary: a response could not be begun, and passes")
            else:
                logger.exception("helm-boundary: a response could not be begun, so it is denied")
                flow.response = OursOnly(deny_without_verdict(NO_VERDICT)).response()
                await self._tracker.abandon(flow, "killed")
        finally:
            self._tracker.choose(flow, flow.response.stream if flow.response else False)

    async def certify_begun(self, flow: http.HTTPFlow) -> None:
        """Have a call's response stream as it was chosen, and where it wasn't, not at all."""
        if self._tracker.forwarded(flow) is not None and flow.response is not None:
            flow.response.stream = self._tracker.stream(flow)  # type: ignore[assignment]

    async def judge(self, flow: http.HTTPFlow) -> None:
        """Judge a whole response, or all of a stream that is over."""
        await resumed(flow, self._has_gone)
        call, upstream = self._tracker.forwarded(flow), flow.response
        if call is None or upstream is None:
            if not self._tracker.is_refused(flow):
                self._tracker.forget(flow)
            return
        passes = call.exchange.progress.gate is not None
        passes_unjudged = call.running.boundary.passes_unjudged
        try:
            async with asyncio.timeout(patience(upstream.raw_content)) as deadline:
                passes = await self._passes(flow, upstream, call, deadline)
        except Exception:
            logger.exception("helm-boundary: a response could not be judged")
            conversion.strip_own_headers(upstream.headers)
            end: End = "complete" if passes_unjudged else "killed"
            await self._tracker.abandon(flow, end, NO_VERDICT)
        finally:
            if not (passes or passes_unjudged) and flow.response is upstream:
                flow.response = conversion.write_reply(deny_without_verdict(NO_VERDICT))
            mark(flow, call.exchange, call.running.boundary)
            self._release(flow)

    async def certify(self, flow: http.HTTPFlow) -> None:
        """Deny a call's response that isn't exactly what was released, and say our own no."""
        reply = self._tracker.take_reply(flow)
        if reply is not None and flow.response is not None:
            self._insist(flow, reply)
        released = self._tracker.take_released(flow)
        unjudged = self._tracker.forwarded(flow) is not None
        if flow.response is None or not (unjudged or released is not None):
            return
        if unjudged or released != conversion.response_fingerprint(flow.response):
            logger.error("helm-boundary: another addon kept a response from its judgement")
            flow.response = conversion.write_reply(deny_without_verdict(CLOSED))
            await self._tracker.abandon(flow, "killed")
            self._tracker.forget(flow)

    async def fail(self, flow: http.HTTPFlow) -> None:
        """End the call of a flow that has failed."""
        await self._tracker.abandon(flow, _end_of(flow))
        self._tracker.forget(flow)

    def _insist(self, flow: http.HTTPFlow, reply: http.Response) -> None:
        """Put our reply back where another addon has put something else; headers may be added."""
        now = flow.response
        if now is None or conversion.says_the_same(now, reply):
            return
        logger.error("helm-boundary: another addon answered a call that was refused")
        flow.response = reply

    async def _begin(self, flow: http.HTTPFlow, response: http.Response, call: Forwarded) -> None:
        answers, headers = call.running.answers, call.running.boundary.teller.headers
        way: Gate | Tap | Refusal | None
        if self._tracker.is_answered(flow):  # whole already, so it is judged whole
            way = _refuse_switch(response, call)
        else:
            way = answers.begin(call.exchange, conversion.read_response(response, with_body=False))
        if way is None:
            return
        if isinstance(way, Refusal):
            refusal = await answers.refuse_response(call.exchange, way, self._tracker.turn)
            flow.response = OursOnly(refusal).response()
            return
        conversion.add_headers(response, headers(call.exchange))
        if isinstance(way, Tap):
            if isinstance(way, AskedTap):
                conversion.make_endless(response)
            response.stream = TapFeed(way)
            return
        conversion.make_endless(response)
        response.stream = self._held.feed(flow, call, way)

    async def _passes(
        self,
        flow: http.HTTPFlow,
        upstream: http.Response,
        call: Forwarded,
        deadline: asyncio.Timeout,
    ) -> bool:
        exchange, running = call.exchange, call.running
        if exchange.progress.gate is not None:
            await running.answers.streamed.end(exchange, turn=self._tracker.turn)
            return True
        if isinstance(upstream.stream, OursOnly):
            upstream.stream.finish(upstream)
            return True
        now = partial(_response, flow)
        hold = Hold(flow, deadline, now, running.hold_seconds, self._has_gone)
        show = partial(mark, flow, exchange, running.boundary)
        park = hold.park(show) if running.holds else None
        passes = await self._judge_whole(flow, call, park)
        if passes and flow.response is not None and flow.response.status_code == 101:
            self._sockets.open(flow, exchange, running)
        return passes

    async def _judge_whole(self, flow: http.HTTPFlow, call: Forwarded, park: Park | None) -> bool:
        turn = self._tracker.turn
        for _ in range(MAX_CHANGES):
            if flow.error is not None or flow.response is None:
                break
            response, judged = flow.response, conversion.response_fingerprint(flow.response)
            answers = call.running.answers
            result = await answers.judge_response(call.exchange, _response(flow), turn, park)
            if isinstance(result, Reply):
                refuse(flow, result, call.running)
                return False
            if isinstance(result, Release):
                if flow.response is not response or flow.intercepted:
                    return False
                if conversion.response_fingerprint(response) != judged:
                    return False  # changed while it was judged
                _let_go(response, result, call)
                return True
        await self._tracker.abandon(flow, "killed")
        return False

    def _release(self, flow: http.HTTPFlow) -> None:
        if flow.response is None:
            self._tracker.forget(flow)
        else:
            flow.response.trailers = None
            self._tracker.release(flow, conversion.response_fingerprint(flow.response))


def _refuse_switch(response: http.Response, call: Forwarded) -> Refusal | None:
    """Say why an addon's answer can't be judged: behind a 101 of its own is no upstream."""
    if response.status_code != 101 or call.running.observes:
        return None
    return schema_violation("another addon changed protocols, where no server is connected")


def _let_go(response: http.Response, release: Release, call: Forwarded) -> None:
    """Prepare the upstream's response for the client: what policy changed, and our headers."""
    if release.body is not None:
        response.headers.pop("content-encoding", None)
        response.content = release.body
    if release.addresses:
        conversion.change_addresses(response, release.addresses)
    headers = call.running.boundary.teller.headers(call.exchange, lambda: response.content)
    conversion.add_headers(response, headers)


def _response(flow: http.HTTPFlow) -> HttpResponse:
    """Read the flow's whole response as it is now."""
    if flow.response is None:
        return HttpResponse(0, ())
    return conversion.read_response(flow.response, with_body=True)


def _end_of(flow: http.HTTPFlow) -> End:
    message = flow.error.msg if flow.error else ""
    if message == "Connection killed.":
        return "killed"
    if not flow.client_conn.state & connection.ConnectionState.CAN_READ:
        return "client_gone"
    return "upstream_error"
