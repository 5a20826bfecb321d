"""Reading, checking and asking a Rego policy."""

from helm_boundary.policy.decision import Decision, Reason, parse_decision
from helm_boundary.policy.errors import EngineError, MalformedDecision, PolicyError

__all__ = [
    "Decision",
    "EngineError",
    "MalformedDecision",
    "PolicyError",
    "Reason",
    "parse_decision",
]
