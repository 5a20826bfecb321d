"""Refusals of calls that need a person, and what can be done about them."""

from __future__ import annotations

from helm_boundary.calls.refusal import Refusal

from .wait import Said


def refused() -> Refusal:
    """Refuse a call to which a person said no."""
    return Refusal("APPROVAL_REFUSED", "a person refused this call", "instance_context")


def unanswered() -> Refusal:
    """Refuse a call on which nobody decided in time."""
    return Refusal(
        "APPROVAL_TIMEOUT", "nobody approved this call in time; it may be asked again", "ungranted"
    )


def gone() -> Refusal:
    """Refuse a call whose client has gone; nobody will read it."""
    return Refusal("CONTEXT_MISMATCH", "the client has gone", "instance_context")


def stopped() -> Refusal:
    """Refuse a call that waited when the boundary stopped."""
    return Refusal(
        "APPROVAL_TIMEOUT", "the boundary stopped while this call waited for a person", "ungranted"
    )


def superseded() -> Refusal:
    """Refuse a call that was asked about under a policy that isn't in force any more."""
    return Refusal(
        "APPROVAL_TIMEOUT",
        "the policy changed while this call waited for a person; it may be asked again",
        "ungranted",
    )


def unavailable(why: str) -> Refusal:
    """Refuse a call for which nobody can be asked."""
    return Refusal("APPROVAL_UNAVAILABLE", f"this call needs a person, but {why}", "ungranted")


def crowded() -> Refusal:
    """Refuse a call because as many flows wait as may."""
    return unavailable("as many calls as may wait are waiting for one")


def flooded() -> Refusal:
    """Refuse a call whose upstream sent too much while it waited."""
    return Refusal(
        "SCHEMA_VIOLATION",
        "the upstream sent more than helm_max_body while its answer waited for a person",
        "instance_parameter",
    )


def refusal_of(said: Said) -> Refusal:
    """Return why a call that was to wait is refused."""
    reasons = {
        Said.SILENCE: unanswered,
        Said.GONE: gone,
        Said.CROWDED: crowded,
        Said.STOPPED: stopped,
        Said.VOID: superseded,
        Said.FLOODED: flooded,
    }
    return reasons.get(said, refused)()
