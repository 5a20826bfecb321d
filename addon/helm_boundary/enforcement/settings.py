"""The operator's settings for a boundary, and the effect of a decision under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from helm_boundary.calls.call import Mode
from helm_boundary.policy.decision import ALLOW, Decision
from helm_receipts.envelope.statement import Enforcement

type OnToolDenied = Literal["auto", "error", "steer"]
"""How a denied tool call ends an answer; `auto` steers clients that are known to carry on."""


type Wire = Literal["plain", "helm"]
"""How clients are told of verdicts; `helm` adds what HELM's own kernel says."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The operator's choices; `max_body` in bytes, decoded."""

    mode: Mode = "enforce"
    max_body: int = 32 << 20
    hold_seconds: int = 300
    hold_max: int = 100
    on_tool_denied: OnToolDenied = "auto"
    kills: bool = False
    """Whether a denial closes the connection; then none steers."""
    wire: Wire = "plain"
    measures: bool = False
    """Whether it is counted up how long the boundary's own steps take."""

    @property
    def observes(self) -> bool:
        """Whether verdicts are only written down."""
        return self.mode == "observe"

    @property
    def enforcement(self) -> Enforcement:
        """The word of receipts for whether verdicts take effect or are only written down."""
        return "observed" if self.observes else "enforced"

    def effect_of(self, decision: Decision) -> Decision:
        """Return what a decision does: itself, or a plain ALLOW where it is only written down."""
        return Decision(ALLOW, decision.reasons, stream="pass") if self.observes else decision

    def passes(self, decision: Decision) -> bool:
        """Tell whether bytes go on by that decision."""
        return self.effect_of(decision).verdict == ALLOW
