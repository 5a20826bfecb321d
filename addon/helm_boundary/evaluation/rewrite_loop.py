"""Rewrites: what policy changes is judged again, once, and must then stand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import Refusal
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.wire import strict_json

from .aside import aside
from .judge import deny
from .rewrite import RewriteError, apply_rewrite

type Again = Callable[[Json, bytes], Awaitable[Decision]]
"""Judges the rewritten value, given also as the bytes that would leave."""


async def settle(
    value: Json, decision: Decision, judge_again: Again, size: int
) -> tuple[Decision, bytes]:
    """Apply a decision's rewrite to a body; return the final decision and the rewritten bytes.

    `size` is the body's, in bytes. Anything but a plain ALLOW of the rewritten body is that
    decision; a rewrite that can't be applied, or that a second judgement would rewrite further, is
    a DENY.
    """
    try:
        rewritten, body = await aside(size, partial(_rewrite, value, decision))
        again = await judge_again(rewritten, body)
        if again.verdict != ALLOW:
            return again, body
        if bool(again.rewrite) and await aside(size, partial(_changes, rewritten, again)):
            return deny(unstable()), body
    except RewriteError as error:
        return deny(Refusal("PDP_ERROR", f"the policy's rewrite failed: {error}")), b""
    except Refusal as refusal:
        return deny(refusal), b""
    reasons = (*decision.reasons, *again.reasons)
    observed = (*decision.observed, *again.observed)
    return replace(decision, reasons=reasons, observed=observed), body


def _rewrite(value: Json, decision: Decision) -> tuple[Json, bytes]:
    rewritten = apply_rewrite(value, decision.rewrite)
    return rewritten, strict_json.dump(rewritten)


def _changes(value: Json, decision: Decision) -> bool:
    changed: bool = apply_rewrite(value, decision.rewrite) != value
    return changed


def unstable() -> Refusal:
    """Return the refusal of a rewrite that, judged again, would be rewritten again."""
    return Refusal(
        "PDP_ERROR", "the policy's rewrite isn't stable: judged again, it would change again"
    )
