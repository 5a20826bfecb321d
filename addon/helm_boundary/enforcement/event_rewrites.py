"""Rewrites of an event that waits in a stream, where events are whole messages."""

from __future__ import annotations

from helm_boundary.calls.call import Json
from helm_boundary.evaluation.judge import deny
from helm_boundary.evaluation.rewrite_loop import settle
from helm_boundary.policy.decision import ALLOW, ESCALATE, Decision
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.stream import MessageStream

from .exchange import Exchange
from .outcomes import Outcomes
from .refusals import too_late


async def rewrite_event(exchange: Exchange, decision: Decision, outcomes: Outcomes) -> Decision:
    """Do what a decision wants changed of the event that waits, and judge what comes of it.

    In other streams part of an answer has left already, so that such a decision is a DENY.
    """
    progress = exchange.progress
    gate = progress.gate
    stream = gate.stream if isinstance(gate, Gate) else None
    if not isinstance(stream, MessageStream) or stream.waiting_value is None:
        return deny(too_late())
    if decision.verdict == ESCALATE:  # rewritten once a person has said yes
        return decision
    value = stream.waiting_value

    async def again(rewritten: Json, _: bytes) -> Decision:
        progress.answer = stream.read_rewritten(rewritten)
        return await outcomes.ask(exchange, progress.answer)

    size = gate.unread if isinstance(gate, Gate) else 0
    settled, body = await settle(value, decision, again, size)
    if settled.verdict == ALLOW:
        progress.rewritten_event = stream.write_event(body)
    return settled
