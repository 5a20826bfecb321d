"""The boundary's other half: what happens to a forwarded call's response.

A whole response is judged before any of it is released; one that streams is judged in `streamed`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from helm_boundary.approvals.refusals import gone, refusal_of
from helm_boundary.approvals.store import StoreError
from helm_boundary.approvals.wait import AGAIN, Again, Said
from helm_boundary.calls.call import HttpResponse, Json
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import reader_of
from helm_boundary.evaluation.judge import deny
from helm_boundary.evaluation.rewrite_loop import settle
from helm_boundary.parsing.generic_stream import GenericStream, UnreadStream
from helm_boundary.parsing.redirects import lead_back
from helm_boundary.parsing.responses import (
    is_event_stream,
    read_answer,
    refuse_at_headers,
    stream_of,
)
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.tap import Tap
from helm_receipts.envelope.statement import Coverage, Draft, End
from helm_receipts.errors import ReceiptError

from .exchange import Judged, Live
from .fallback_reply import NO_VERDICT
from .outcomes import Outcomes, coverage
from .receipt_drafts import tool_calls
from .reply import Reply
from .requests import FORESEEN, Boundary, not_asked
from .streams import Streamed

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Release:
    """The upstream's response may go to the client; `body` in place of its own, if not None.

    `addresses` are those in its headers that are told otherwise, and how.
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
        self._outcomes = Outcomes(boundary)
        self.streamed = Streamed(boundary, self._outcomes)
        """Judges those that are judged while they run."""

    def begin(self, live: Live, response: HttpResponse) -> Gate | Tap | Refusal | None:
        """How a response will be judged, by its headers.

        What its stream goes through, None to judge it whole, or the reason why it can't be judged.
        """
        live.status = response.status
        refusal = refuse_at_headers(live.operation, response)
        if self._settings.observes:
            live.unread = refusal
            return self._listen(live, response)
        if refusal is not None:
            return refusal
        stream = stream_of(live.operation, response)
        if stream is None or live.decision.stream == "buffer":
            return None
        return self.streamed.open(live, stream)

    def _listen(self, live: Live, response: HttpResponse) -> Gate | Tap | None:
        """How a response is looked at that passes whatever is found; what nobody reads, at once."""
        if response.status == 101:
            return None
        if live.unread is not None or not live.shared:
            return self.streamed.let_pass(live, UnreadStream(response.status))
        stream = stream_of(live.operation, response)
        if stream is None and is_event_stream(response):
            stream = GenericStream(response.status, self._settings.max_body)
            return self.streamed.let_pass(live, stream)
        return None if stream is None else self.streamed.open(live, stream)

    async def judge_response(self, live: Live, response: HttpResponse) -> Reply | Release | Again:
        """Judge a whole response; its outcome receipt is durable when this returns.

        AGAIN where it was changed while it waited for a person; its outcome isn't written then.
        """
        decision, release = await self._decide(live, response)
        if decision.verdict == ESCALATE and not self._settings.observes:
            decision = self._desk.admit(live, decision, live.answer)
            if decision.verdict == ESCALATE and live.park is not None:
                said = await self._hold(live, decision)
                if said is Said.CHANGED:
                    return AGAIN
                if said is Said.GONE:
                    await self.abandon(live, "client_gone")
                    return self._teller.refuse(live, deny(gone()), None)
                if said is Said.YES:
                    decision, release = await self._decide(live, response)
                else:
                    decision = deny(said if isinstance(said, Refusal) else refusal_of(said))
        return await self._settle(live, response, decision, release)

    async def _decide(self, live: Live, response: HttpResponse) -> tuple[Decision, Release]:
        live.status = response.status
        release = Release()
        try:
            addresses = lead_back(live.request, response)
            if not self._settings.observes:
                release = Release(None, addresses)
            read = read_answer(live.operation, response, self._settings.max_body)
            live.answer = read.answer
            foresee = partial(self._foresee, live, response)
            decision = await self._outcomes.ask(live, read.answer, foresee)
            if decision.verdict == ALLOW and decision.rewrite and not self._settings.observes:
                decision, rewritten = await self._rewrite(live, read.body, decision)
                release = replace(release, body=rewritten)
        except Refusal as refusal:
            decision = deny(refusal)
        return decision, release

    async def _hold(self, live: Live, decision: Decision) -> Said | Refusal:
        try:
            live.judgements.append(Judged("response", decision, None))
            began = time.perf_counter()
            said = await self._desk.hold(live, decision, live.answer)
            live.took("a person", began)
            if said is Said.YES:
                for draft in self._desk.used(live):
                    await self._recorder.record(draft)
        except (ReceiptError, StoreError) as error:
            return not_asked(error)
        return said

    async def refuse_response(self, live: Live, refusal: Refusal) -> Reply:
        """Refuse a response whose headers already say that it can't be judged."""
        decision = deny(refusal)
        draft = self._drafts.outcome(live, decision, "denied", coverage=coverage(live))
        return self._teller.refuse(live, *await self._outcomes.record(live, draft, decision))

    async def abandon(self, live: Live, end: End) -> None:
        """The call ended too soon: `upstream_error`, `client_gone` or `killed`.

        What had come of a stream is judged like one that came whole: a client that leaves at the
        last event must not make a better outcome of it than one that stays.
        """
        decision = live.decision if live.unread is None else deny(live.unread)
        try:
            await self.streamed.end(live, end)
        except Exception:
            logger.exception("what had left of a stream could not be judged")
            decision = deny(NO_VERDICT)
        await self._outcomes.write(live, decision, end)  # unless the stream's end has done so

    def _foresee(self, live: Live, response: HttpResponse) -> None:
        """Get the receipt ready that most answers get."""
        self._recorder.foresee(self._outcome(live, response, FORESEEN, Release()))

    async def _rewrite(
        self, live: Live, body: Json, decision: Decision
    ) -> tuple[Decision, bytes | None]:
        if body is None:
            raise Refusal("PDP_ERROR", "the policy rewrites a response that isn't one JSON value")
        reader = reader_of(live.operation)

        async def again(value: Json, _: bytes) -> Decision:
            live.answer = reader.read_response(live.status or 0, value)
            return await self._outcomes.ask(live, live.answer)

        return await settle(body, decision, again)

    async def _settle(
        self, live: Live, response: HttpResponse, decision: Decision, release: Release
    ) -> Reply | Release:
        draft = self._outcome(live, response, decision, release)
        told, receipt_id = await self._outcomes.record(live, draft, decision)
        if self._passes(decision) and (told is decision or self._settings.observes):
            live.replaced = None if release.body is None else response.body
            return release
        return self._teller.refuse(live, self._outcomes.asked(live, told), receipt_id)

    def _passes(self, decision: Decision) -> bool:
        return decision.verdict == ALLOW or self._settings.observes

    def _outcome(
        self, live: Live, response: HttpResponse, decision: Decision, release: Release
    ) -> Draft:
        """The outcome of a whole response, if that is what is decided of it."""
        passes = self._passes(decision)
        end: End = (
            "denied" if not passes else "upstream_error" if response.status >= 500 else "complete"
        )
        calls = () if live.answer is None else tool_calls(live.answer, decision.verdict)
        sent = response.body if release.body is None else release.body
        whole = Coverage("whole", "whole", len(response.body), len(response.body))
        if live.unread is not None or not live.shared:
            whole = Coverage("whole" if live.shared else "none", "none", len(response.body), 0)
        return self._drafts.outcome(
            live, decision, end, response=sent, coverage=whole, tool_calls=calls
        )
