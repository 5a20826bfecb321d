"""Judges a batch's results line by line: what is denied is withheld, and the rest passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from helm_boundary.calls.call import Answer, Json
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.judge import deny
from helm_boundary.evaluation.rewrite_loop import settle
from helm_boundary.parsing.batch_results import Line, read_line
from helm_boundary.policy.decision import ALLOW, DENY, ESCALATE, Decision, Reason
from helm_receipts.envelope.statement import ToolCall as ToolCallReceipt
from helm_receipts.envelope.statement import Verdict

from .batch_decision import MAX_NAMED, told_of

type Ask = Callable[[Answer], Awaitable[Decision]]
"""Asks policy about one answer."""
type CallsOf = Callable[[Answer, Verdict], tuple[ToolCallReceipt, ...]]
"""Returns an answer's tool calls as receipts keep them."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One line and its verdict; `onward` is what goes on of it, where it does."""

    line: Line
    decision: Decision
    onward: bytes

    @property
    def is_withheld(self) -> bool:
        """Whether it stays here while others pass."""
        return self.decision.verdict == DENY


@dataclass(frozen=True, slots=True)
class Sifted:
    """The verdict on results as a whole, and what passes of them."""

    decision: Decision
    body: bytes | None = None
    """What goes on in place of the body; None for the body itself."""
    withheld: tuple[str, ...] = ()
    """Pointers to the lines that don't pass."""
    calls: list[ToolCallReceipt] = field(default_factory=list)


async def sift(lines: Sequence[Line], ask: Ask, calls_of: CallsOf, *, rewrites: bool) -> Sifted:
    """Judge every line; `rewrites` tells whether what policy changes is changed.

    A line for which a person is needed makes the whole wait for one; all that is denied is
    withheld, and where nothing is left, the whole is denied.
    """
    judged = [await _judge(line, ask, rewrites=rewrites) for line in lines if not line.is_blank]
    decision = _decision(judged)
    if decision.verdict != ALLOW:
        return Sifted(decision)
    calls = [
        call
        for each in judged
        if isinstance(each.line.answer, Answer)
        for call in calls_of(each.line.answer, each.decision.verdict)
    ]
    withheld = tuple(each.line.pointer for each in judged if each.is_withheld)
    onward = {each.line.pointer: b"" if each.is_withheld else each.onward for each in judged}
    body = b"".join(onward.get(line.pointer, line.raw) for line in lines)
    is_same = body == b"".join(line.raw for line in lines)
    return Sifted(decision, None if is_same else body, withheld, calls)


async def _judge(line: Line, ask: Ask, *, rewrites: bool) -> Judged:
    if isinstance(line.answer, Refusal):
        return Judged(line, deny(line.answer), line.raw)
    status = line.answer.status

    async def again(value: Json, _: bytes) -> Decision:
        return await ask(read_line(value, status))

    decision, onward = await ask(line.answer), line.raw
    if rewrites and decision.verdict == ALLOW and decision.rewrite:
        decision, rewritten = await settle(line.value, decision, again, len(line.raw))
        onward = rewritten + line.end
    return Judged(line, decision, onward)


def _decision(judged: Sequence[Judged]) -> Decision:
    """Fold the verdicts on lines into one, which names the lines that it is about."""
    verdicts = [each.decision.verdict for each in judged]
    named: Verdict = ESCALATE if ESCALATE in verdicts else DENY
    reasons = _reasons([each for each in judged if each.decision.verdict == named])
    candidates = [each.decision.candidate for each in judged]
    other = next((said for said in candidates if said not in (None, ALLOW)), None)
    observed = (reason for each in judged for reason in each.decision.observed)
    verdict: Verdict = named if ESCALATE in verdicts or ALLOW not in verdicts else ALLOW
    return Decision(
        verdict,
        reasons,
        observed=tuple({reason.rule: reason for reason in observed}.values()),
        candidate=other or next(iter(candidates), None),
    )


def _reasons(refused: Sequence[Judged]) -> tuple[Reason, ...]:
    told = [told_of(each.line.name, each.line.pointer, each.decision) for each in refused]
    return tuple(reason for decision in told[:MAX_NAMED] for reason in decision.reasons)
