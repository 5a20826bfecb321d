"""An OPA of ours as the engine: the same policy, evaluated by an `opa` that runs beside."""

from __future__ import annotations

from helm_boundary.policy.decision import Decision
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import Policy

from .engine import NO_TURN, Turn
from .opa_client import OpaClient
from .opa_process import OpaProcess
from .opa_program import OpaProgram


class OpaEngine:
    """Rego evaluated by an OPA of ours.

    Raises PolicyError, with file and line where OPA names them, for a policy that it refuses.
    """

    def __init__(self, opa: OpaProgram, policy: Policy, deadline: float) -> None:
        self.name = f"opa {opa.version}"
        self.policy = policy
        self._process = OpaProcess(opa, policy.modules, policy.data)
        self._client = OpaClient(self._process, deadline)
        try:
            self._process.wait_until_ready()
        except PolicyError:
            self.close()
            raise

    async def decide(self, document: bytes, turn: Turn = NO_TURN) -> Decision:
        """Judge the document (UTF-8 JSON text); raise EngineError when that can't be done."""
        return await self._client.decide(document)

    def decide_now(self, document: bytes) -> Decision:
        """Judge like ``decide``, blocking this thread."""
        return self._client.decide_now(document)

    def close(self) -> None:
        """End it; idempotent."""
        self._client.close()
        self._process.kill()
