"""Why a call that needs a person is refused, and what may be done about it."""

from __future__ import annotations

from helm_boundary.calls.refusal import Refusal

from .wait import Said


def refused() -> Refusal:
    """A person said no."""
    return Refusal("APPROVAL_REFUSED", "a person refused this call", "instance_context")


def unanswered() -> Refusal:
    """Nobody said anything in time."""
    return Refusal(
        "APPROVAL_TIMEOUT", "nobody approved this call in time; it may be asked again", "ungranted"
    )


def gone() -> Refusal:
    """The reason of a reply that nobody will read."""
    return Refusal("CONTEXT_MISMATCH", "the client has gone", "instance_context")


def stopped() -> Refusal:
    """The boundary ended while the call waited."""
    return Refusal(
        "APPROVAL_TIMEOUT", "the boundary stopped while this call waited for a person", "ungranted"
    )


def superseded() -> Refusal:
    """What the call was granted or asked under isn't the policy any more."""
    return Refusal(
        "APPROVAL_TIMEOUT",
        "the policy changed while this call waited for a person; it may be asked again",
        "ungranted",
    )


def unavailable(why: str) -> Refusal:
    """Nobody can be asked."""
    return Refusal("APPROVAL_UNAVAILABLE", f"this call needs a person, but {why}", "ungranted")


def crowded() -> Refusal:
    """As many flows wait as may."""
    return unavailable("as many calls as may wait are waiting for one")


def flooded() -> Refusal:
    """The upstream sent too much while the call waited."""
    return Refusal(
        "SCHEMA_VIOLATION",
        "the upstream sent more than helm_max_body while its answer waited for a person",
        "instance_parameter",
    )


def refusal_of(said: Said) -> Refusal:
    """Why a call that was to wait is refused."""
    reasons = {
        Said.SILENCE: unanswered,
        Said.GONE: gone,
        Said.CROWDED: crowded,
        Said.STOPPED: stopped,
        Said.VOID: superseded,
        Said.FLOODED: flooded,
    }
    return reasons.get(said, refused)()
