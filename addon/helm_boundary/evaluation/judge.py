"""The judge of calls: a call in, a decision out; every doubt is a DENY that says why."""

from __future__ import annotations

from collections.abc import Sequence

from helm_boundary.calls.call import Answer, Call
from helm_boundary.calls.refusal import Refusal
from helm_boundary.commands.asked import command_reader
from helm_boundary.policy.decision import DENY, Decision, Reason
from helm_boundary.policy.detectors.detectors import Detectors, Finding
from helm_boundary.policy.engines.engine import NO_TURN, Engine, Turn
from helm_boundary.policy.errors import EngineError

from .aside import aside
from .document import Context, state_request, state_response
from .findings import OutsideScan, find_in_call

BOUNDARY_RULE = "helm.boundary"
"""The rule that the boundary's own refusals are said under."""


class Judge:
    """One policy's engine and detectors, and what reads commands where its data ask for that."""

    def __init__(self, engine: Engine, detectors: Detectors) -> None:
        self.engine = engine
        self.detectors = detectors
        self.outside = OutsideScan(detectors)
        self._commands = command_reader(engine.policy.own_data)

    def told(self, call: Call) -> Call:
        """Return a call that tells what the tools run that it calls itself, as MCP's do."""
        return self._commands.read(call) if self._commands and call.tool_calls else call

    @property
    def reads_commands(self) -> bool:
        """Whether the policy's data ask for what tool calls would run."""
        return self._commands is not None

    async def request(
        self,
        shared: bytes,
        call: Call,
        context: Context,
        turn: Turn = NO_TURN,
        outside: Sequence[Finding] = (),
    ) -> Decision:
        """Judge a request by its document's shared part; `turn` as an engine's.

        `outside` are the findings outside of its body.
        """

        def state() -> bytes:
            findings = [*find_in_call(self.detectors, call), *outside]
            return state_request(shared, findings, context)

        document = await aside(len(shared), state)
        try:
            return await self.engine.decide(document, turn)
        except EngineError as error:
            return no_decision(error)

    async def response(
        self,
        shared: bytes,
        answer: Answer,
        context: Context,
        turn: Turn = NO_TURN,
    ) -> Decision:
        """Judge a response beside the request it answers; `turn` as an engine's."""

        def state() -> bytes:
            told = self._commands.read(answer) if self._commands else answer
            found = self.detectors.scan(answer.texts)
            return state_response(shared, told, found, context, self.engine.policy.unread)

        size = len(shared) + _size(answer)
        size += self._commands.weight(answer) if self._commands else 0
        document = await aside(size, state)
        try:
            return await self.engine.decide(document, turn)
        except EngineError as error:
            return no_decision(error)


def _size(answer: Answer) -> int:
    told = sum(len(text.text) for text in answer.texts)
    return told + sum(len(call.arguments_text) for call in answer.tool_calls)


def no_decision(error: EngineError) -> Decision:
    """Return the DENY of a judgement that couldn't be made; the cause is for the log."""
    return deny(
        Refusal(
            "PDP_ERROR",
            f"policy could not be evaluated ({error}); see the boundary's log",
            "instance_context",
        )
    )


def deny(refusal: Refusal) -> Decision:
    """Return one of the boundary's own refusals as a decision."""
    reason = Reason(refusal.code, BOUNDARY_RULE, refusal.message, refusal.finality)
    return Decision(DENY, (reason,))
