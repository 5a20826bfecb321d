"""Refusals: what the boundary itself says no to, before or beside policy."""

from __future__ import annotations

from helm_receipts.envelope.statement import Finality


class Refusal(Exception):
    """A call that can't be judged, or mustn't be, with the reason code that its DENY carries.

    `code` is from HELM's registry where one fits (`SCHEMA_VIOLATION`, `PDP_ERROR`,
    `CAPABILITY_UNKNOWN`, ...); `finality` tells an agent what it may do next; `message` says what
    was expected and found, and never quotes content.
    """

    def __init__(self, code: str, message: str, finality: Finality = "instance_parameter") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.finality = finality


def schema_violation(message: str) -> Refusal:
    """Make the refusal of a request or an answer that readers don't all read alike."""
    return Refusal("SCHEMA_VIOLATION", message)
