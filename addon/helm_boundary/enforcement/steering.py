"""A denied tool call that steers: the agent's model is told why, and goes on.

Only a call that policy, or a person, denied is replaced. A doubt of ours ends the answer.
"""

from __future__ import annotations

import json

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.calls.texts import known_part
from helm_boundary.dialects.steering import NAME, steering_body, steering_events
from helm_boundary.policy.decision import DENY, Decision, Reason
from helm_boundary.wire.strict_json import dump_ascii

from .exchange import Exchange
from .settings import Settings

_CARRY_ON = ("claude-cli/", "codex", "opencode")
"""How agents call themselves that are known to answer their model that there is no such tool."""
_OF_PERSONS = frozenset({"APPROVAL_REFUSED", "APPROVAL_TIMEOUT"})
MAX_NAME = 200
"""Characters of a tool's name that are told."""
_KINDS = frozenset({"function", "custom"})
_NEXT = "Don't call it again. Go on without it, or say what you need it for and stop."


def steering(exchange: Exchange, decision: Decision, settings: Settings) -> list[bytes] | None:
    """Return the events that end a stream in place of its denied call; None for an error."""
    denied, gate = _denied(exchange, decision, settings), exchange.progress.gate
    if denied is None or gate is None:
        return None
    call, reason = denied
    dialect = exchange.operation.dialect
    return steering_events(dialect, gate.stream, call, _arguments(call, reason))


def steered_body(
    exchange: Exchange, decision: Decision, settings: Settings, answer: Json
) -> bytes | None:
    """Return a whole answer with another call in place of its denied one; None for an error."""
    denied = _denied(exchange, decision, settings)
    if denied is None:
        return None
    call, reason = denied
    told = steering_body(exchange.operation.dialect, answer, call, _arguments(call, reason))
    return None if told is None else dump_ascii(told)


def _denied(
    exchange: Exchange, decision: Decision, settings: Settings
) -> tuple[ToolCall, Reason] | None:
    """Find the first call that was denied, and why; None where an error is what is wanted."""
    if decision.verdict != DENY or exchange.operation.framed or exchange.operation.loose:
        return None
    if not _is_wanted(exchange, decision, settings) or exchange.progress.answer is None:
        return None
    calls = {known_part(call.pointer): call for call in exchange.progress.answer.tool_calls}
    if not calls or any(call.type not in _KINDS for call in calls.values()):
        return None
    reason = decision.reasons[0]
    if reason.code in _OF_PERSONS:
        return next(iter(calls.values())), reason
    if any(each.pointer not in calls for each in decision.reasons):
        return None  # of something else that was said, too
    return calls[str(reason.pointer)], reason


def denied_tool(exchange: Exchange, decision: Decision) -> str | None:
    """Return the name of the tool whose call a decision's first reason points to, if it does."""
    answer, reasons = exchange.progress.answer, decision.reasons
    pointer = reasons[0].pointer if reasons else None
    calls = answer.tool_calls if answer is not None else ()
    named = (call.name for call in calls if pointer and known_part(call.pointer) == pointer)
    return next((name[:MAX_NAME] for name in named), None)


def _is_wanted(exchange: Exchange, decision: Decision, settings: Settings) -> bool:
    if any(tool.name == NAME for tool in exchange.progress.call.tools):
        return False
    wanted = decision.denied or settings.on_tool_denied
    agent = (exchange.request.header("user-agent") or "").lower()
    return wanted == "steer" or (wanted == "auto" and agent.startswith(_CARRY_ON))


def _arguments(call: ToolCall, reason: Reason) -> str:
    told = {
        "tool": call.name,
        "rule": reason.rule,
        "reason": reason.message,
        "next": reason.counterfactual or _NEXT,
    }
    return json.dumps(told)
