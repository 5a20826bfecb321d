"""Rego policies: read, checked and asked for decisions."""

from .decision import Decision, Reason, parse_decision
from .errors import EngineError, MalformedDecision, PolicyError

__all__ = [
    "Decision",
    "EngineError",
    "MalformedDecision",
    "PolicyError",
    "Reason",
    "parse_decision",
]
