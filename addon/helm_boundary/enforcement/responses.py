"""The boundary's other half, which judges the response of a forwarded call.

A whole response is judged before any of it is released; one that streams is judged in `streamed`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from helm_boundary.approvals.refusals import gone, refusal_of
from helm_boundary.approvals.wait import AGAIN, Again, Park, Said
from helm_boundary.calls.call import HttpResponse, Json
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import reader_of
from helm_boundary.dialects.generic_stream import GenericStream
from helm_boundary.evaluation.aside import LONG, aside, weight
from helm_boundary.evaluation.judge import deny
from helm_boundary.evaluation.rewrite_loop import settle
from helm_boundary.parsing.batch_results import Line
from helm_boundary.parsing.redirects import lead_back
from helm_boundary.parsing.responses import (
    cutter_of,
    is_event_stream,
    read_answer,
    refuse_at_headers,
    stream_of,
)
from helm_boundary.parsing.unread_stream import UnreadStream
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.stream import MessageStream
from helm_boundary.streaming.tap import Tap
from helm_boundary.streaming.usage_filter import strip_usage
from helm_receipts.envelope.statement import Coverage, Draft, End

from .exchange import FORESEEN, Exchange
from .fallback_reply import NO_VERDICT
from .outcomes import Outcomes, coverage
from .reply import Reply
from .requests import Boundary
from .result_lines import sift
from .steering import Steered
from .streams import Streamed

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Release:
    """The yes to a response; `body` goes in place of its own, if not None.

    `addresses` are those in its headers that are replaced, and by what.
    """

    body: bytes | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)


class Answers:
    """Judges responses under the boundary that judged their requests."""

    def __init__(self, boundary: Boundary) -> None:
        self._recorder = boundary.recorder
        self._drafts = boundary.drafts
        self._teller = boundary.teller
        self._settings = boundary.settings
        self._desk = boundary.desk
        self._steering = boundary.steering
        self._outcomes = Outcomes(boundary)
        self._foresees = boundary.accounts is None  # else an outcome also says what was charged
        self.streamed = Streamed(boundary, self._outcomes)
        """Judges those that are judged while they run."""

    def begin(self, exchange: Exchange, response: HttpResponse) -> Gate | Tap | Refusal | None:
        """Choose by its headers how a response will be judged.

        Returns what its stream goes through, None to judge it whole, or the reason why it can't be
        judged.
        """
        progress = exchange.progress
        progress.status = response.status
        progress.passes("headers")
        refusal = refuse_at_headers(exchange.operation, response)
        if self._settings.observes:
            progress.unread = refusal
            return self._listen(exchange, response)
        if refusal is not None:
            return refusal
        stream = stream_of(exchange.operation, response, progress.call)
        if stream is None:
            return None
        if progress.decision.stream == "buffer":
            if not isinstance(stream, MessageStream):
                return None
            stream.hold_all()
        return self.streamed.open(exchange, stream, cutter_of(response, self._settings.max_body))

    def _listen(self, exchange: Exchange, response: HttpResponse) -> Gate | Tap | None:
        """Choose how a response is looked at that passes whatever is found in it.

        What nobody could read passes at once.
        """
        if response.status == 101:
            return None
        if exchange.progress.unread is not None or not exchange.progress.shared:
            return self.streamed.let_pass(exchange, UnreadStream(response.status))
        stream = stream_of(exchange.operation, response, exchange.progress.call)
        if stream is None and is_event_stream(response):
            stream = GenericStream(response.status)
            return self.streamed.let_pass(exchange, stream)
        if stream is None:
            return None
        return self.streamed.open(exchange, stream, cutter_of(response, self._settings.max_body))

    async def judge_response(
        self,
        exchange: Exchange,
        response: HttpResponse,
        turn: Turn = NO_TURN,
        park: Park | None = None,
    ) -> Reply | Release | Again:
        """Judge a whole response; its outcome receipt is durable when this returns.

        `park` lets it wait for a person. AGAIN where it was changed while it waited; its outcome
        isn't written then.
        """
        progress = exchange.progress
        progress.passes("received")
        decision, release, value = await self._decide(exchange, response, turn)
        if self._settings.effect_of(decision).verdict == ESCALATE:
            decision = self._desk.admit(exchange, decision, progress.answer, park)
            if decision.verdict == ESCALATE and park is not None:
                said = await self._outcomes.hold(exchange, decision, park)
                if said is Said.CHANGED:
                    return AGAIN
                if said is Said.GONE:
                    await self.abandon(exchange, "client_gone", turn)
                    return self._teller.refuse(exchange, deny(gone()), None)
                if said is Said.YES:
                    decision, release, value = await self._decide(exchange, response, turn)
                else:
                    decision = deny(said if isinstance(said, Refusal) else refusal_of(said))
        return await self._settle(exchange, response, decision, release, value, turn)

    async def _decide(
        self, exchange: Exchange, response: HttpResponse, turn: Turn
    ) -> tuple[Decision, Release, Json]:
        """Read a response and decide on it; returns its JSON value too, None where it has none."""
        progress, release, value = exchange.progress, Release(), None
        progress.status = response.status
        try:
            addresses = lead_back(exchange.request, response)
            if not self._settings.observes:  # what is only watched passes as it came
                release = Release(None, addresses)
            size = weight(response.body, response.header("content-encoding"))
            read = await aside(
                size,
                lambda: read_answer(
                    exchange.operation, response, self._settings.max_body, progress.call
                ),
            )
            if size > LONG:
                turn = NO_TURN  # others came meanwhile
            progress.answer, value = read.answer, read.body
            progress.withheld, progress.tool_calls, progress.foreseen = (), [], None
            if read.lines:
                return *(await self._sift(exchange, read.lines, release)), None
            foreseeing = turn
            if self._foresees:
                foreseeing = turn.doing(partial(self._foresee, exchange, response))
            decision = await self._outcomes.ask(exchange, read.answer, foreseeing)
            if decision.verdict == ALLOW and self._settings.effect_of(decision).rewrite:
                decision, rewritten = await self._rewrite(exchange, read.body, decision, size)
                release = replace(release, body=rewritten)
            elif progress.asked_for_usage and is_event_stream(response):
                body = strip_usage(response.body, self._settings.max_body)
                release = replace(release, body=body)
        except Refusal as refusal:
            decision = deny(refusal)
        return decision, release, value

    async def _sift(
        self, exchange: Exchange, lines: tuple[Line, ...], release: Release
    ) -> tuple[Decision, Release]:
        """Judge a batch's results line by line; what is denied of them stays here."""
        ask = partial(self._outcomes.ask, exchange)  # other calls have their turn between lines
        calls_of = self._drafts.calls_of
        sifted = await sift(lines, ask, calls_of, rewrites=not self._settings.observes)
        exchange.progress.withheld = sifted.withheld
        exchange.progress.tool_calls = sifted.calls
        body = None if self._settings.observes else sifted.body
        return sifted.decision, replace(release, body=body)

    async def refuse_response(
        self, exchange: Exchange, refusal: Refusal, turn: Turn = NO_TURN
    ) -> Reply:
        """Refuse a response whose headers already say that it can't be judged."""
        decision, seen = deny(refusal), coverage(exchange.progress)
        draft = self._drafts.outcome(exchange, decision, "denied", coverage=seen)
        recorded = await self._outcomes.record(exchange, draft, decision, turn)
        return self._teller.refuse(exchange, *recorded)

    async def abandon(
        self,
        exchange: Exchange,
        end: End,
        turn: Turn = NO_TURN,
        unread: Refusal | None = None,
    ) -> None:
        """End a call that ended too soon: `upstream_error`, `client_gone` or `killed`.

        What had come of a stream is judged like one that came whole: a client that leaves at the
        last event must not make a better outcome of it than one that stays. `unread` says why the
        response could not be judged, where that is why.
        """
        progress = exchange.progress
        progress.unread = unread or progress.unread
        decision = progress.decision if progress.unread is None else deny(progress.unread)
        try:
            await self.streamed.end(exchange, end, turn)
        except Exception:
            logger.exception("what had left of a stream could not be judged")
            decision = deny(NO_VERDICT)
        # Unless the stream's end has done so.
        await self._outcomes.write(exchange, decision, end, turn)

    def _foresee(self, exchange: Exchange, response: HttpResponse) -> None:
        """Prepare the receipt that most answers get."""
        draft = self._outcome(exchange, response, FORESEEN, Release())
        exchange.progress.foreseen = draft
        self._recorder.foresee(draft)

    async def _rewrite(
        self, exchange: Exchange, body: Json, decision: Decision, size: int
    ) -> tuple[Decision, bytes | None]:
        if body is None:
            raise Refusal("PDP_ERROR", "the policy rewrites a response that isn't one JSON value")
        reader, progress = reader_of(exchange.operation), exchange.progress

        async def again(value: Json, _: bytes) -> Decision:
            progress.answer = await aside(
                size, lambda: reader.read_response(progress.status or 0, value)
            )
            return await self._outcomes.ask(exchange, progress.answer)

        return await settle(body, decision, again, size)

    async def _settle(
        self,
        exchange: Exchange,
        response: HttpResponse,
        decision: Decision,
        release: Release,
        value: Json,
        turn: Turn,
    ) -> Reply | Release:
        steered = None
        if not self._settings.passes(decision):
            steered = self._steering.body(exchange, decision, value)
        draft = exchange.progress.take_foreseen(decision)
        if draft is None or release.body is not None:
            draft = self._outcome(exchange, response, decision, release, instead=steered)
        told, receipt_id = await self._outcomes.record(exchange, draft, decision, turn)
        if self._settings.passes(told):
            exchange.progress.replaced = None if release.body is None else response.body
            return release
        if steered is not None and told is decision:
            exchange.progress.replaced = response.body
            return replace(release, body=steered.sent[0])
        return self._teller.refuse(exchange, self._outcomes.asked(exchange, told), receipt_id)

    def _outcome(
        self,
        exchange: Exchange,
        response: HttpResponse,
        decision: Decision,
        release: Release,
        *,
        instead: Steered | None = None,
    ) -> Draft:
        """Draft the outcome of a whole response under that decision."""
        passes = self._settings.passes(decision)
        end: End = (
            "denied" if not passes else "upstream_error" if response.status >= 500 else "complete"
        )
        progress = exchange.progress
        calls = tuple(progress.tool_calls)  # of a batch's results, each with its own verdict
        if not calls and progress.answer is not None:
            calls = self._drafts.calls_of(progress.answer, decision.verdict)
        sent = response.body if release.body is None else release.body
        whole = Coverage("whole", "whole", len(response.body), len(response.body))
        if progress.unread is not None or not progress.shared:
            whole = Coverage("whole" if progress.shared else "none", "none", len(response.body), 0)
        return self._drafts.outcome(
            exchange,
            decision,
            end,
            response=sent,
            received=None if release.body is None else response.body,
            coverage=whole,
            tool_calls=calls,
            instead=instead,
        )
