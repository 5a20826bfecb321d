"""The boundary: each step of a call's life, without any knowledge of the proxy.

Every step either lets bytes go on, after the receipt that says so is durable, or gives the reply
that the client gets in their place.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from helm_receipts.errors import ReceiptError
from helm_receipts.recorder import Recorder

from . import recognition
from .call import Call, HttpRequest, Json
from .catalogue import UNKNOWN
from .dialects import dialect
from .document import state_call
from .judge import Judge, deny
from .live import Live, State, api_key, correlation_id
from .matching import Matcher
from .policy.decision import ALLOW, Decision
from .recognised import Recognised
from .recording import Drafter
from .refusal import Refusal
from .rewriting import settle
from .telling import Teller
from .verdict import Reply


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator chose; `max_body` in bytes, decoded; `mode` is enforce or observe."""

    mode: str = "enforce"
    max_body: int = 32 << 20
    hold_seconds: int = 300

    @property
    def observes(self) -> bool:
        """Whether verdicts are only written down."""
        return self.mode == "observe"


class Boundary:
    """Judges requests under one policy and records every verdict; `Answers` does the rest."""

    def __init__(
        self, matcher: Matcher, judge: Judge, recorder: Recorder, settings: Settings
    ) -> None:
        policy = judge.engine.policy
        self.settings = settings
        self.judge = judge
        self.recorder = recorder
        self.teller = Teller(policy.digest, settings.observes, settings.hold_seconds)
        self.drafts = Drafter(
            policy, judge.engine.name, "observed" if settings.observes else "enforced"
        )
        self._matcher = matcher

    def recognise(self, request: HttpRequest) -> Live | None:
        """The call that a request makes, or None for traffic that is none of ours."""
        refusal, operation = None, None
        try:
            operation = recognition.recognise(self._matcher, request, self.settings.max_body)
            if operation is None:
                return None
        except Refusal as error:
            refusal = error
        key = api_key(request)
        return Live(
            request,
            operation or UNKNOWN,
            correlation_id(request),
            self.recorder.pseudonym(key) if key else None,
            refusal,
        )

    async def judge_request(self, live: Live) -> Reply | None:
        """Judge a request; None lets it go on (`live.forwarded_body`), after its receipt."""
        live.decision = await self._decide(live)
        passes = live.decision.verdict == ALLOW or self.settings.observes
        drafts = [self.drafts.request(live, live.decision)]
        if not passes:
            live.end()
            drafts.append(self.drafts.outcome(live, live.decision, "denied"))
        try:
            receipts = await asyncio.gather(*map(self.recorder.record, drafts))
        except ReceiptError as error:
            live.end()
            return self.teller.refuse(live, deny(no_receipt(error)), None)
        live.receipt_id = receipts[0].id
        if not passes:
            return self.teller.refuse(live, live.decision, live.receipt_id)
        live.state = State.FORWARDED
        return None

    async def _decide(self, live: Live) -> Decision:
        try:
            if live.refusal is not None:
                raise live.refusal
            read = recognition.read_call(live.request, live.operation, self.settings.max_body)
        except Refusal as refusal:
            return deny(refusal)
        live.call = read.call
        live.shared = self._shared(live, read)
        decision = await self._ask(live, live.shared, live.call)
        for inner in read.inner:
            if decision.verdict != ALLOW or decision.rewrite:
                break
            decision = await self._ask(live, self._shared(live, inner), inner.call)
        if decision.verdict == ALLOW and decision.rewrite and not self.settings.observes:
            return await self._rewrite(live, read, decision)
        return decision

    async def _rewrite(self, live: Live, read: Recognised, decision: Decision) -> Decision:
        if not read.can_rewrite or read.inner:
            return deny(cannot_rewrite())

        async def again(value: Json, body: bytes) -> Decision:
            live.call = dialect(live.operation.dialect).read_request(value)
            live.shared = self._shared(live, Recognised(live.operation, live.call, body))
            return await self._ask(live, live.shared, live.call)

        decision, body = await settle(live.call.body, decision, again)
        if decision.verdict == ALLOW:
            live.rewritten = body
        return decision

    async def _ask(self, live: Live, shared: bytes, call: Call) -> Decision:
        return await self.judge.request(shared, call.texts, live.context(time.time_ns()))

    def _shared(self, live: Live, read: Recognised) -> bytes:
        return state_call(
            live.request,
            read.operation,
            read.call,
            read.body,
            mode=self.settings.mode,
            key_id=live.key_id,
        )


def cannot_rewrite() -> Refusal:
    """The refusal of a call that policy wants to rewrite where that can't be done."""
    return Refusal(
        "PDP_ERROR",
        "the policy rewrites a body that isn't one JSON value (a form, or a batch's line)",
    )


def no_receipt(error: ReceiptError) -> Refusal:
    """The refusal of a call whose receipt couldn't be made durable."""
    return Refusal(
        "RECEIPT_UNAVAILABLE",
        f"the receipt could not be made durable ({type(error).__name__}), so nothing may pass",
        "instance_context",
    )
