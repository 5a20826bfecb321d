"""The decision on a batch, from those on the calls in it; it names the calls that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from helm_boundary.parsing.parsed_call import Recognised
from helm_boundary.policy.decision import DENY, MAX_REASONS, Decision, Reason

MAX_NAMED = 20
"""How many of a batch's calls a decision names; what comes after them changes nothing."""


def told_of(name: str, pointer: str, decision: Decision) -> Decision:
    """Name in the reasons of a decision which part of a whole it is about, and where that is."""
    if not name:
        return decision
    reasons = tuple(
        replace(
            reason,
            message=f"{name}: {reason.message}",
            pointer=pointer + (reason.pointer or ""),
        )
        for reason in decision.reasons
    )
    return replace(decision, reasons=reasons)


def combined(whole: Decision, refused: Sequence[tuple[Recognised, Decision]]) -> Decision:
    """Return the decision on a batch: its own, and those on the calls in it that don't pass."""
    told = [told_of(inner.name, inner.pointer, decision) for inner, decision in refused]
    if not told:
        return whole
    decisions = [*told, whole]
    verdict = DENY if any(each.verdict == DENY for each in decisions) else told[0].verdict
    ours = [each for each in told if each.verdict == verdict]
    reasons = [reason for each in ours for reason in each.reasons]
    if whole.verdict == verdict:
        said = {(reason.code, reason.rule) for reason in reasons}
        reasons += [each for each in whole.reasons if (each.code, each.rule) not in said]
    names = [inner.name for inner, each in refused if each.verdict == verdict]
    return Decision(
        verdict,
        (*_with_others(reasons[:1], names), *reasons[1:MAX_REASONS]),
        stream=whole.stream,
        observed=whole.observed,
        candidate=whole.candidate,
    )


def _with_others(first: Sequence[Reason], names: Sequence[str]) -> list[Reason]:
    """Name the others in the first reason, which may be all that a client shows."""
    others = ", ".join(name.removesuffix(" of the batch") for name in names[1:])
    more = " and maybe more" if len(names) >= MAX_NAMED else ""
    also = f" (refused as well: {others}{more})" if others else ""
    return [replace(reason, message=reason.message + also) for reason in first]
