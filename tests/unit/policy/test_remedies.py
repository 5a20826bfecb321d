"""What the engine can't read or can't do, in words that say where and what to do about it."""

from __future__ import annotations

import json

import pytest

from helm_boundary.policy.engines.evaluator import Evaluator, compile_engine
from helm_boundary.policy.errors import EngineError, PolicyError


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('known("gpt")', "mine.rego:3:1: rule must have a body or assignment: give it a value"),
        ("x := 1\n\nimport data.acme", "mine.rego:5:1: unexpected keyword `import`: imports stand"),
        ("deny[x] { x := 1 }", "mine.rego:3:9: `if` keyword is required before rule body: write"),
        ("deny contains x { x := 1 }", "`deny contains x if {` in place of"),
        ("some x in [1]", "this stands in a rule's body, between the braces"),
        ("x := [n + 1 | some n in [1]]", "put the sum in parentheses"),
        ("else := 1", "mine.rego:3:1: unexpected keyword `else`: else belongs right behind"),
        ("x := 1 if { false; }", "mine.rego:3:20: expecting expression: something is missing"),
        ('x := "a', "mine.rego:3:8: invalid character in string: close the text"),
    ],
)
def test_what_can_not_be_read_has_its_line_and_a_remedy(text: str, says: str) -> None:
    """At load."""
    with pytest.raises(PolicyError) as refused:
        compile_engine({"mine.rego": f"package mine\n\n{text}\n"}, "{}")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("condition", "given", "says"),
    [
        ("time.parse_rfc3339_ns(input)", "2024-02-30T10:00:00Z", "day is out of range"),
        ("time.parse_duration_ns(input)", "secretive", "invalid duration"),
        ('net.cidr_contains(input, "10.0.0.1")', "secretive", "expected an address with"),
        ("to_number(input)", "secretive", "expected a number"),
    ],
)
def test_what_fails_says_so_in_the_engines_words_without_the_value(
    condition: str, given: str, says: str
) -> None:
    """What it stumbled over may be what a call was about."""
    evaluator = Evaluator({"mine.rego": f"package helm\n\ndecision := {condition}\n"}, "{}")
    with pytest.raises(EngineError) as failed:
        evaluator.judge(json.dumps(given).encode())
    assert says in str(failed.value)
    assert given not in str(failed.value)


@pytest.mark.parametrize("part", ["[]", "wanted", '[x | some x in [1]; x == "a"]'])
def test_nothing_needed_means_nothing_missing(part: str) -> None:
    """The engine's own object.subset panics at an empty array."""
    text = f"package helm\n\ndefault wanted := []\n\ndecision := object.subset(input, {part})\n"
    assert Evaluator({"mine.rego": text}, "{}").judge(b'["a", "b"]') == b"true"
