"""The effect of a decision in each mode; one method says it for every place."""

from __future__ import annotations

import pytest

from helm_boundary.enforcement.settings import Settings
from helm_boundary.policy.decision import Decision, Reason

REASONS = (Reason("CODE", "rule", "message", "ungranted"),)
DECISIONS = [
    Decision("ALLOW", ()),
    Decision("ALLOW", REASONS, ({"op": "remove", "path": "/tools"},), "buffer"),
    Decision("DENY", REASONS),
    Decision("ESCALATE", REASONS),
]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.verdict)
def test_an_enforced_decision_does_what_it_says(decision: Decision) -> None:
    """Only an ALLOW lets bytes go on."""
    settings = Settings("enforce")
    assert settings.effect_of(decision) is decision
    assert settings.passes(decision) == (decision.verdict == "ALLOW")
    assert settings.enforcement == "enforced"


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.verdict)
def test_an_observed_decision_does_nothing(decision: Decision) -> None:
    """Everything passes as it came: nothing is rewritten, held or asked."""
    settings = Settings("observe")
    effect = settings.effect_of(decision)
    assert (effect.verdict, effect.rewrite, effect.stream) == ("ALLOW", (), "pass")
    assert effect.reasons == decision.reasons
    assert settings.passes(decision)
    assert settings.enforcement == "observed"
