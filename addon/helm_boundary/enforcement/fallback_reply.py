"""The reply when there is no verdict: a plain DENY without a receipt."""

from __future__ import annotations

from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects.event_data import write_event
from helm_boundary.evaluation.judge import deny

from . import reply as wire
from .reply import Reply, Verdict

CLOSED = Refusal(
    "POLICY_NOT_READY",
    "the boundary isn't ready, or isn't the last addon of its proxy; see its log",
    "instance_context",
)
NO_VERDICT = Refusal(
    "PDP_ERROR", "the boundary failed to judge this call; see its log", "instance_context"
)


def deny_without_verdict(refusal: Refusal) -> Reply:
    """Write the reply that denies a call on which there is no verdict."""
    return wire.refuse(_verdict(refusal))


def event_without_verdict(refusal: Refusal) -> bytes:
    """Write the last event of a stream that could not be judged."""
    return write_event(wire.error_object(_verdict(refusal)))


def _verdict(refusal: Refusal) -> Verdict:
    return Verdict(deny(refusal), None, "", "")
