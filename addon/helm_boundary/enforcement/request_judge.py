"""Judging a request: what it says is read, policy decides, and what it rewrites is judged again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from helm_boundary.calls.call import Call, HttpRequest, Json
from helm_boundary.calls.refusal import Refusal
from helm_boundary.calls.trace_context import begin_trace, parse_traceparent, traceparent_of
from helm_boundary.commands.asked import SLOWER
from helm_boundary.evaluation.aside import CODED, aside, weight
from helm_boundary.evaluation.document import state_call
from helm_boundary.evaluation.judge import Judge, deny
from helm_boundary.evaluation.rewrite_loop import settle
from helm_boundary.matching.mcp import DIALECT as MCP
from helm_boundary.matching.mcp_servers import Servers
from helm_boundary.parsing import requests as recognition
from helm_boundary.parsing.parsed_call import Recognised
from helm_boundary.parsing.sessions import session_of
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.policy.detectors.detectors import Finding
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_boundary.policy.sources.policy import mentions_models, mentions_unclaimed
from helm_receipts.recording.recorder import Recorder

from .approval_desk import Desk
from .batch_decision import MAX_NAMED, combined
from .exchange import FORESEEN, Exchange
from .receipt_drafts import Drafter
from .refusals import cannot_rewrite, several_models, unclaimed_member
from .settings import Settings

if TYPE_CHECKING:  # nothing of budgets is imported where there are none
    from .accounts import Accounts


class RequestJudge:
    """Decides on requests under one policy; nothing that it does takes effect."""

    def __init__(
        self,
        judge: Judge,
        recorder: Recorder,
        settings: Settings,
        drafts: Drafter,
        desk: Desk,
        servers: Servers,
        accounts: Accounts | None = None,
    ) -> None:
        self._policy = judge
        self._servers = servers
        self._recorder = recorder
        self._settings = settings
        self._drafts = drafts
        self._desk = desk
        self._accounts = accounts
        self._unread = judge.engine.policy.unread
        self._judges_models = mentions_models(judge.engine.policy)
        self._judges_unclaimed = mentions_unclaimed(judge.engine.policy)

    async def decide(self, exchange: Exchange, turn: Turn) -> Decision:
        """Read a request and decide on it; grants count, and what can't be read is a DENY."""
        try:
            if exchange.refusal is not None:
                raise exchange.refusal
            began = time.perf_counter()
            read = await aside(self._weight(exchange), partial(self._read, exchange))
            exchange.progress.took("request reading", began)
            self._note(exchange, *read)
            exchange.progress.session = session_of(exchange.request, read[0].call.body)
            _join_trace(exchange)
            if self._accounts is not None:
                read = await self._account(exchange, self._accounts, *read)
            if not self._settings.observes:  # watching uses no grant up
                if self._desk.grants.may_be_carried:
                    await self.bind(exchange)
                self._desk.grants.carry(exchange)
            return await self._judge(exchange, read[0], turn)
        except Refusal as refusal:
            return deny(refusal)

    def _read(self, exchange: Exchange) -> tuple[Recognised, bytes]:
        """Read what a request says, and state it for both phases."""
        request = exchange.request
        limit = self._settings.max_body
        read = recognition.read_call(request, exchange.operation, limit, self._servers)
        return read, self._shared(exchange, read)

    def _weight(self, exchange: Exchange) -> int:
        """Return how much work reading a request is; one to an MCP server may run a shell."""
        weight = weigh(exchange.request)
        may_run = exchange.operation.dialect == MCP and self._policy.reads_commands
        return weight * SLOWER if may_run else weight

    async def _account(
        self, exchange: Exchange, accounts: Accounts, read: Recognised, shared: bytes
    ) -> tuple[Recognised, bytes]:
        """Look at the call's balances; returns it with its usage asked for where they need it."""
        progress = exchange.progress
        progress.batch = tuple(each.call for each in read.inner)
        asking = accounts.asking(exchange, read)
        if asking is not None:
            shared = await aside(len(asking.body), partial(self._shared, exchange, asking))
            self._note(exchange, asking, shared)
            progress.rewritten, progress.asked_for_usage = asking.body, True
            read = asking
        await accounts.look(exchange)
        return read, shared

    async def bind(self, exchange: Exchange) -> None:
        """Work out to what a grant for the call is bound, before the desk asks for it."""
        with contextlib.suppress(Refusal):  # the desk says so itself
            await aside(weigh(exchange.request), partial(self._desk.bind, exchange))

    async def _judge(self, exchange: Exchange, read: Recognised, turn: Turn) -> Decision:
        progress = exchange.progress
        foreseeing = turn
        if self._accounts is None:  # else nobody foresees what the receipt says of budgets
            foreseeing = turn.doing(partial(self._foresee, exchange))
        outside = self._policy.outside.scan(exchange.request)
        whole = progress.call
        if read.inner:  # each model is judged with the call that names it
            whole = replace(whole, models=())
        decision = await self._ask(exchange, progress.shared, whole, foreseeing, outside)
        if read.inner:
            return await self._judge_batch(exchange, read, decision)
        if decision.verdict == ALLOW and self._settings.effect_of(decision).rewrite:
            return await self._rewrite(exchange, read, decision, turn, outside)
        return decision

    async def _judge_batch(self, exchange: Exchange, read: Recognised, whole: Decision) -> Decision:
        """Judge every call in a batch, until as many are refused as are named."""
        refused: list[tuple[Recognised, Decision]] = []
        for inner in read.inner:
            decision = await self._judge_inner(exchange, inner)
            if decision.verdict != ALLOW:
                refused.append((inner, decision))
            if len(refused) == MAX_NAMED:
                break
        return combined(self._unchanged(whole), refused)

    async def _judge_inner(self, exchange: Exchange, inner: Recognised) -> Decision:
        try:
            shared = await aside(len(inner.body), partial(self._shared, exchange, inner))
            # Without a turn of its own: other calls go on between those of a batch.
            return self._unchanged(await self._ask(exchange, shared, inner.call, NO_TURN))
        except Refusal as refusal:
            return deny(refusal)

    def _unchanged(self, decision: Decision) -> Decision:
        """Return a decision on what can't be rewritten: a DENY where it would be."""
        rewrites = decision.verdict == ALLOW and self._settings.effect_of(decision).rewrite
        return deny(cannot_rewrite()) if rewrites else decision

    async def _rewrite(
        self,
        exchange: Exchange,
        read: Recognised,
        decision: Decision,
        turn: Turn,
        outside: Sequence[Finding],
    ) -> Decision:
        if not read.can_rewrite:
            return deny(cannot_rewrite())
        progress = exchange.progress

        def reread(value: Json, body: bytes) -> tuple[Recognised, bytes]:
            rewritten = recognition.read_again(exchange.request, read, value, body)
            return rewritten, self._shared(exchange, rewritten)

        async def again(value: Json, body: bytes) -> Decision:
            self._note(exchange, *await aside(len(body), partial(reread, value, body)))
            return await self._ask(exchange, progress.shared, progress.call, turn, outside)

        decision, body = await settle(progress.call.body, decision, again, len(read.body))
        if decision.verdict == ALLOW:
            progress.rewritten = body
        return decision

    def _foresee(self, exchange: Exchange) -> None:
        """Prepare the receipt that most calls get."""
        exchange.progress.foreseen = draft = self._drafts.request(exchange, FORESEEN)
        self._recorder.foresee(draft)

    async def _ask(
        self,
        exchange: Exchange,
        shared: bytes,
        call: Call,
        turn: Turn,
        outside: Sequence[Finding] = (),
    ) -> Decision:
        if not self._judges_models and any(model != call.model for model in call.models):
            raise several_models()
        if not self._judges_unclaimed and call.unclaimed:
            raise unclaimed_member()
        began = time.perf_counter()
        context = exchange.context(time.time_ns())
        decision = await self._policy.request(shared, call, context, turn, outside)
        exchange.progress.took("request policy", began)
        return self._desk.grants.cover(exchange, decision)

    def _note(self, exchange: Exchange, read: Recognised, shared: bytes) -> None:
        """Note what a request says: what is judged, and what receipts tell of."""
        progress = exchange.progress
        progress.call, progress.facts, progress.foreseen = read.call, None, None
        progress.shared = shared

    def _shared(self, exchange: Exchange, read: Recognised) -> bytes:
        return state_call(
            exchange.request,
            read.operation,
            self._policy.told(read.call),
            read.body,
            mode=self._settings.mode,
            key_id=exchange.key_id,
            unread=self._unread,
        )


def _join_trace(exchange: Exchange) -> None:
    """Make a message a part of the trace that it names itself, where calls are traced."""
    trace, dialect = exchange.progress.trace, exchange.operation.dialect
    if trace is None or dialect != "mcp":
        return
    header = exchange.request.header("traceparent")
    told = traceparent_of(header, exchange.progress.call.body)
    if parse_traceparent(told) != trace.caller:  # it may be judged more than once
        exchange.progress.trace = begin_trace(told, header)


def weigh(request: HttpRequest) -> int:
    """Estimate the bytes of a request's body, decoded; a form's parts are heavier than JSON."""
    if "multipart" in (request.header("content-type") or "").lower():
        return len(request.body) * CODED
    return weight(request.body, request.header("content-encoding"))
