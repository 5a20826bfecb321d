"""A decision is taken only when it is exactly one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.policy.decision import Decision, Reason, parse_decision
from helm_boundary.policy.errors import MalformedDecision

REASON = {"code": "X_1", "rule": "t.r", "message": "m", "finality": "ungranted"}


def test_a_whole_decision_is_read() -> None:
    """Every member arrives where it belongs."""
    operation = {"op": "redact", "pointer": "/a", "start": 0, "end": 1, "with": ""}
    reason = REASON | {"pointer": "/a", "counterfactual": "c"}
    value = {"verdict": "ALLOW", "reasons": [reason], "observed": [REASON]}
    assert parse_decision(value | {"rewrite": [operation], "stream": "buffer"}) == Decision(
        verdict="ALLOW",
        reasons=(Reason("X_1", "t.r", "m", "ungranted", "/a", "c"),),
        rewrite=(operation,),
        stream="buffer",
        observed=(Reason("X_1", "t.r", "m", "ungranted"),),
    )


def test_optional_members_may_be_left_out() -> None:
    """A verdict and reasons are enough."""
    assert parse_decision({"verdict": "ALLOW", "reasons": []}) == Decision("ALLOW", ())


def test_excess_reasons_are_dropped() -> None:
    """The verdict stands; a receipt has room for so many and no more."""
    decision = parse_decision({"verdict": "DENY", "reasons": [REASON] * 100_000})
    assert (decision.verdict, len(decision.reasons)) == ("DENY", 256)


def deny(**changes: Any) -> dict[str, Any]:
    return {"verdict": "DENY", "reasons": [REASON | changes]}


def rewrite(*operations: Any) -> dict[str, Any]:
    return {"verdict": "ALLOW", "reasons": [], "rewrite": list(operations)}


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "ALLOW",
        [],
        {},
        {"verdict": "ALLOW"},
        {"verdict": "allow", "reasons": []},
        {"verdict": ["ALLOW"], "reasons": []},
        {"verdict": {}, "reasons": []},
        {"verdict": "DENY", "reasons": []},
        {"verdict": "ESCALATE", "reasons": []},
        {"verdict": "ALLOW", "reasons": None},
        {"verdict": "ALLOW", "reasons": {}},
        {"verdict": "ALLOW", "reasons": [], "stream": "whole"},
        {"verdict": "ALLOW", "reasons": [], "stream": None},
        {"verdict": "ALLOW", "reasons": [], "extra": 1},
        {"verdict": "ALLOW", "reasons": [], "observed": "x"},
        {"verdict": "DENY", "reasons": ["X"]},
        deny(code="x"),
        deny(code="X\n"),
        deny(code=""),
        deny(code=1),
        deny(rule=""),
        deny(message=None),
        deny(message="m" * 2_001),
        deny(finality="never"),
        deny(pointer=1),
        deny(extra=1),
        rewrite("remove"),
        rewrite({"op": "delete", "path": "/a"}),
        rewrite({"op": []}),
        rewrite({"op": "remove"}),
        rewrite({"op": "add", "path": "/a"}),
        rewrite({"op": "move", "path": "/a"}),
        rewrite({"op": "redact", "pointer": "/a", "start": 0, "end": True, "with": ""}),
        rewrite({"op": "redact", "pointer": "/a", "start": 0.0, "end": 1, "with": ""}),
        rewrite({"op": "redact", "pointer": "/a", "start": 0, "end": 1}),
        {"verdict": "ALLOW", "reasons": [], "rewrite": {}},
        rewrite(*[{"op": "remove", "path": "/a"}] * 10_001),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_anything_else_is_malformed(value: Any) -> None:
    """A policy that says something we don't understand has not allowed anything."""
    with pytest.raises(MalformedDecision):
        parse_decision(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
LOOSE = st.fixed_dictionaries(
    {},
    optional={
        "verdict": JSON | st.sampled_from(["ALLOW", "DENY", "ESCALATE"]),
        "reasons": JSON | st.lists(st.just(REASON) | JSON, max_size=3),
        "observed": JSON,
        "rewrite": JSON,
        "stream": JSON | st.just("gate"),
    },
)


@given(JSON | LOOSE)
def test_every_value_is_a_decision_or_malformed(value: Any) -> None:
    """Reading never fails in another way, and ALLOW never comes from a value that lacks it."""
    try:
        decision = parse_decision(value)
    except MalformedDecision:
        return
    assert value["verdict"] == decision.verdict
