"""One line of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass

YES, NO, UNKNOWN = "yes", "no", "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer: what was looked at, what was found, and a remedy if it isn't YES."""

    looked_at: str
    answer: str
    found: str
    remedy: str = ""


def judged(good: bool, looked_at: str, found: str, remedy: str) -> Finding:
    """Return a finding that is YES if `good`; then it needs no remedy."""
    return Finding(looked_at, YES, found) if good else Finding(looked_at, NO, found, remedy)
