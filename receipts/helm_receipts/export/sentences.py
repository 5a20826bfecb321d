"""What a receipt says in one sentence, for people who don't know its members.

Observed verdicts never read like enforced ones: "would have been denied", not "denied".
"""

from typing import Any

_DONE = {"ALLOW": "allowed", "DENY": "denied", "ESCALATE": "sent to a person to decide"}
_OBSERVED = {
    "ALLOW": "allowed",
    "DENY": "let through, would have been denied",
    "ESCALATE": "let through, a person would have been asked",
}
_ENDS = {
    "complete": "ran to its end",
    "denied": "was stopped",
    "upstream_error": "failed at the provider",
    "client_gone": "was abandoned by the client",
    "killed": "was cut off when the boundary stopped",
}
_EVENTS = {
    ("session", "start"): "the boundary started",
    ("session", "stop"): "the boundary stopped",
    ("session", "clock"): "the clock was set back",
    ("session", "recovered"): "receipts are written again after the disk failed",
    ("session", "pruned"): "old receipts were removed",
    ("policy", "changed"): "the policy changed",
    ("policy", "observe"): "somebody had everything pass for a time",
    ("policy", "observed"): "everything passed from here on, for a time",
    ("policy", "enforce"): "somebody had verdicts take effect again",
    ("policy", "enforced"): "verdicts took effect again",
    ("policy", "rollback"): "somebody went back to an earlier policy",
    ("key", "retired"): "a key was retired",
    ("key", "introduced"): "a new key was introduced",
    ("key", "erased"): "an opening key was erased",
}


def sentence(said: dict[str, Any]) -> str:
    """Say what happened, from a receipt's predicate; texts in it may hold anything."""
    flow = said.get("flow")
    if flow is None or said["phase"] not in ("request", "tool_call", "outcome"):
        return _event(said)
    words = [_who(said.get("client") or {}), _what(said, flow), _because(said["reasons"])]
    return " ".join(word for word in words if word)


def is_observed(said: dict[str, Any]) -> bool:
    """Tell whether a verdict was only written down."""
    return bool(said["enforcement"] == "observed")


def _who(client: dict[str, Any]) -> str:
    if client.get("principal"):
        return f"{client['principal']}:"
    return f"API key {client['keyId'][:8]}…:" if client.get("keyId") else ""


def _what(said: dict[str, Any], flow: dict[str, Any]) -> str:
    model = f" to {flow['model']}" if flow["model"] else ""
    call = f"{flow['operation']}{model} at {flow['host']}"
    verdict = (_OBSERVED if is_observed(said) else _DONE).get(said["verdict"], said["verdict"])
    if said["phase"] in ("request", "tool_call"):
        names = ", ".join(dict.fromkeys(each["name"] for each in said.get("toolCalls", ())))
        return f"{call}{names and f', tool calls {names}'}: {verdict}"
    outcome = said["outcome"]
    end = _ENDS.get(outcome["end"], outcome["end"])
    if outcome["end"] == "complete" and said["verdict"] != "ALLOW" and is_observed(said):
        end = verdict
    status = f", status {outcome['status']}" if outcome["status"] is not None else ""
    return f"{call} {end}{status}"


def _because(reasons: list[dict[str, Any]]) -> str:
    rules = dict.fromkeys(f"{each['rule']} ({each['code']})" for each in reasons)
    return f"because of {', '.join(rules)}" if rules else ""


def _event(said: dict[str, Any]) -> str:
    event = said.get("event") or {}
    kind = str(event.get("kind", ""))
    if (said["phase"], kind) in _EVENTS:
        return _EVENTS[said["phase"], kind]
    if said["phase"] == "approval":
        by = (said.get("approval") or {}).get("by") or event.get("by")
        return f"an approval: {kind or said['verdict']}" + (f" by {by}" if by else "")
    return f"{said['phase']}: {kind}" if kind else str(said["phase"])
