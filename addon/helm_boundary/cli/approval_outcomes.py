"""What became of a question to a person, in the words of the one who decided."""

from __future__ import annotations

from helm_boundary.approvals.entry import GRANTED, Entry
from helm_boundary.approvals.report import seconds_left
from helm_boundary.approvals.standing_yes import setting_for
from helm_boundary.runtime.shared_state import SharedState


def outcome(state: SharedState, entry: Entry, now_ns: int) -> str:
    """Say what a decision does, a line or several; boundaries that run are asked what they enforce.

    Raises:
        StateRefused: somebody else's process answers in the state folder.
    """
    receipt = entry.decided.receipt if entry.decided else ""
    if entry.decided is None or entry.decided.decision != GRANTED:
        return f"{entry.id} is refused (receipt {receipt})."
    if _is_void(state, entry):
        return (
            f"{entry.id} is granted (receipt {receipt}), but nothing passes by it: the policy has "
            "changed since it was asked.\nWhat is asked again is judged by the policy in force."
        )
    left = seconds_left(entry, now_ns)
    often = f"{_whom(entry)} passes once,"
    if entry.decided.until_ns:
        often = f"calls like it pass{' in its session' if entry.decided.session else ''}"
    said = f"{entry.id} is granted: {often} in the next {left} s (receipt {receipt})."
    if entry.decided.good_for == "always":
        said += "\n" + "\n".join(["For good, add to data.yaml:", *setting_for(entry.request)])
    return said


def _is_void(state: SharedState, entry: Entry) -> bool:
    """Tell whether boundaries run, and each of them has another policy than the one that asked."""
    in_force = {health.policy_digest for health in state.boundaries().values()}
    return bool(in_force) and entry.request.policy.digest not in in_force


def _whom(entry: Entry) -> str:
    """Name the call that a grant is for: one that was held may have gone with its boundary."""
    if entry.request.summary.get("answer"):
        again = "the client's next answer with the same tool calls"
    else:
        again = "the client's next identical call"
    return f"the waiting call or, if it is gone, {again}" if entry.request.held else again
