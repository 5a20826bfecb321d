"""A denied tool call that steers: the agent's model is told why, and goes on.

Only a call that policy, or a person, denied is replaced. A doubt of ours ends the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.calls.texts import known_part
from helm_boundary.dialects.calls_instead import NAME, Denial, Instead, call_instead
from helm_boundary.dialects.steering import steering_body, steering_events
from helm_boundary.policy.decision import DENY, Decision, Reason
from helm_boundary.policy.detectors.detectors import Detectors
from helm_boundary.wire.strict_json import dump_ascii

from .exchange import Exchange
from .settings import Settings

_CARRY_ON = ("claude-cli/", "codex", "geminicli", "opencode")
"""How agents call themselves that are known to tell their model so, and to go on."""
_OF_PERSONS = frozenset({"APPROVAL_REFUSED", "APPROVAL_TIMEOUT"})
MAX_NAME = 200
"""Characters of a tool's name that are told."""
_KINDS = frozenset({"function", "custom"})
_NEXT = "Don't call it again. Go on without it, or say what you need it for and stop."


@dataclass(frozen=True, slots=True)
class Steered:
    """The end of an answer that steers: the tool that is called, and what is sent of it."""

    name: str
    sent: list[bytes]


class Steering:
    """Writes what a client gets in place of a denied tool call, where that is wanted."""

    def __init__(self, settings: Settings, detectors: Detectors) -> None:
        self._settings = settings
        self._detectors = detectors

    def events(self, exchange: Exchange, decision: Decision) -> Steered | None:
        """Return the events that end a stream in place of its denied call; None for an error."""
        denied, gate = self._denied(exchange, decision), exchange.progress.gate
        if denied is None or gate is None:
            return None
        instead = self._instead(exchange, *denied)
        told = steering_events(exchange.operation.dialect, gate.stream, denied[0], instead)
        return None if told is None else Steered(instead.name, told)

    def body(self, exchange: Exchange, decision: Decision, answer: Json) -> Steered | None:
        """Return a whole answer with another call for its denied one; None for an error."""
        denied = self._denied(exchange, decision)
        if denied is None:
            return None
        instead = self._instead(exchange, *denied)
        told = steering_body(exchange.operation.dialect, answer, denied[0], instead)
        if told is None:
            return None
        return Steered(instead.name, [dump_ascii(told)])

    def _denied(self, exchange: Exchange, decision: Decision) -> tuple[ToolCall, Reason] | None:
        """Find the first call that was denied, and why; None where an error is what is wanted."""
        if decision.verdict != DENY or exchange.operation.framed or exchange.operation.loose:
            return None
        if not self._is_wanted(exchange, decision) or exchange.progress.answer is None:
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

    def _is_wanted(self, exchange: Exchange, decision: Decision) -> bool:
        offered = any(tool.name == NAME for tool in exchange.progress.call.tools)
        if offered or self._settings.kills:  # the operator's word, and policy's is about the form
            return False
        wanted = decision.denied or self._settings.on_tool_denied
        carries_on = _agent(exchange).startswith(_CARRY_ON)
        return wanted == "steer" or (wanted == "auto" and carries_on)

    def _instead(self, exchange: Exchange, call: ToolCall, reason: Reason) -> Instead:
        denial = Denial(
            self._detectors.named(call.name)[:MAX_NAME],
            reason.rule,
            reason.message,
            reason.counterfactual or _NEXT,
        )
        offered = {tool.name for tool in exchange.progress.call.tools}
        return call_instead(call, denial, exchange.operation.dialect, _agent(exchange), offered)


def _agent(exchange: Exchange) -> str:
    """Return how a client calls itself, in lower case."""
    return (exchange.request.header("user-agent") or "").lower()


def denied_tool(exchange: Exchange, decision: Decision, detectors: Detectors) -> str | None:
    """Return the name of the tool whose call a decision's first reason points to, if it does.

    Where a detector finds something in it, only what that was.
    """
    answer, reasons = exchange.progress.answer, decision.reasons
    pointer = reasons[0].pointer if reasons else None
    calls = answer.tool_calls if answer is not None else ()
    named = (call.name for call in calls if pointer and known_part(call.pointer) == pointer)
    return next((detectors.named(name)[:MAX_NAME] for name in named), None)
