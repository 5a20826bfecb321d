"""The refusals of calls that the boundary itself can't let pass, whatever policy says."""

from __future__ import annotations

from helm_boundary.approvals.refusals import unavailable
from helm_boundary.calls.refusal import Refusal
from helm_receipts.errors import ReceiptError


def several_models() -> Refusal:
    """Refuse a call whose other models no rule would look at."""
    return Refusal(
        "CAPABILITY_UNKNOWN",
        "the request names several models, and no rule of the policy in force reads input.models; "
        "name one model",
        "instance_parameter",
    )


def unclaimed_member() -> Refusal:
    """Refuse a call with a model or a tool where nobody knows what it does, and no rule looks."""
    return Refusal(
        "CAPABILITY_UNKNOWN",
        "the request has a member that isn't known here, with a model, a tool or a server in it, "
        "and no rule of the policy in force reads input.unclaimed; leave it out",
        "instance_parameter",
    )


def cannot_rewrite() -> Refusal:
    """Refuse a call that policy wants to rewrite where that can't be done."""
    return Refusal(
        "PDP_ERROR",
        "the policy rewrites a body that isn't one JSON value (a form, or a batch's line), or one "
        "that is signed (AWS's)",
    )


def too_late() -> Refusal:
    """Refuse an answer that policy would rewrite, when part of it has left."""
    return Refusal(
        "PDP_ERROR",
        "the policy rewrites an answer that is already being sent; it can only rewrite a stream "
        "for which it asked `buffer`",
        "instance_context",
    )


def not_asked(error: Exception) -> Refusal:
    """Refuse a call that needs a person, when none can be asked."""
    return unavailable(f"none can be asked ({type(error).__name__}); see the boundary's log")


def no_receipt(error: ReceiptError) -> Refusal:
    """Refuse a call whose receipt couldn't be made durable."""
    return Refusal(
        "RECEIPT_UNAVAILABLE",
        f"the receipt could not be made durable ({type(error).__name__}), so nothing may pass",
        "instance_context",
    )
