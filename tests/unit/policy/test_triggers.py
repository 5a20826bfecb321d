"""A trigger begins with letters, and matches wherever its pattern does."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest
import re2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helm_boundary.policy.detectors.definition import MAX_PATTERN
from helm_boundary.policy.detectors.pattern_parts import Unreadable, read_parts, write_parts
from helm_boundary.policy.detectors.triggers import trigger_of
from helm_boundary.policy.sources.policy import read_policy

PATTERNS = [each["pattern"] for each in json.loads(read_policy([]).detectors_text)["detectors"]]


@pytest.mark.parametrize(
    ("pattern", "trigger"),
    [
        (r"\bghp_[A-Za-z0-9]{36}\b", r"\bghp_[A-Za-z0-9]{36}\b"),
        (r"\b(?:AKIA|ASIA)[A-Z2-7]{16}", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}"),
        (r"\b[A-Za-z0-9]{14}\.atlasv1\.[a-z]+", r"\.atlasv1\.[a-z]+"),
        (r"x(?:[a-z]{3}|ab)cd", r"cd"),  # what stands before is left out for all
        (r"(?:hv[sb]\.x|[a-z]{9}\.at)y", r"(?:hv[sb]\.x|\.at)y"),
        (r"[ps]k1_[a-f0-9]{64}", r"[ps]k1_[a-f0-9]{64}"),  # few letters are told one by one
        (r"(?i)send\b[^.]{0,60}\bkeys", r"(?i)send\b[^.]*\bkeys"),  # gaps of any length
        (r"a?bc", r"a?bc"),
        (r"a+bc", r"bc"),
        (r"[a-z](?i)bc", r"(?i)bc"),  # flags stay
        (r"(?P<n>[a-z]{3})-us\d", r"-us\d"),
        (r"[\x{200B}-\x{200D}]+x", r"[\x{200B}-\x{200D}]+x"),  # nearly no text has these
        (r"[ \t]*=: x", r"[ \t]*=: x"),  # blanks make no beginning
        (r"\s{0,4}ab", r"\s*ab"),
        (r"[^\w]ab|\dcd", r"ab|cd"),
        (r"[[:alpha:]]\]ab", r"\]ab"),
        (r"[]a-z]{3}xy", r"xy"),
        (r"[\]-a]xy", r"[\]-a]xy"),
    ],
)
def test_a_trigger_begins_with_the_first_letters(pattern: str, trigger: str) -> None:
    """What stands before them, and how long gaps may be, is left out."""
    assert trigger_of(pattern) == trigger


@pytest.mark.parametrize(
    "pattern",
    [
        r"[a-z]{3}[0-9]+",
        r"ab|[0-9]{9}",  # one that hasn't any
        r"(?:ab)?[0-9]",
        r"a",
        r"\d{4}-\d{4}",
        r"\Qa.b\E",  # what isn't read
        r"\Cabc",
        r"",
        r"(?:ab){0,2}",
        r"\babc\b|",
    ],
)
def test_what_has_no_letters_of_its_own_has_no_trigger(pattern: str) -> None:
    """It is looked for as it is."""
    assert trigger_of(pattern) is None


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_are_written_as_they_were_read(pattern: str) -> None:
    """Nothing of a pattern is lost on the way."""
    assert write_parts(read_parts(pattern)) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "[a-j]?" * 330,
        "(?:[a-j]?[a-j]?)?" * 110,
        "(?:" * 400 + "[a-z]{2}" + ")" * 400,
        "(?:a|b|c|[0-9])?" * 120,
        "(?:(?:[ab]|[cd]?){0,3}|" * 60 + "x" + ")" * 60,
    ],
    ids=range(5),
)
def test_no_pattern_keeps_the_start_waiting(pattern: str) -> None:
    """However it is made; one without a trigger is looked for as it is."""
    assert len(pattern) <= MAX_PATTERN
    started = time.process_time()
    trigger_of(pattern)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("pattern", ["(", "a)", "(?=a)b", "a**", "[", "\\"])
def test_what_is_no_pattern_is_unreadable(pattern: str) -> None:
    """RE2 has refused it before."""
    with pytest.raises(Unreadable):
        read_parts(pattern)


def readable_by_python(patterns: list[str]) -> Iterator[str]:
    """Yield the patterns that have a trigger, and that Python can make texts for."""
    for pattern in patterns:
        if trigger_of(pattern) in (None, pattern):
            continue
        try:
            re.compile(pattern)
        except re.error:
            continue
        yield pattern


CHANGED = [*readable_by_python(PATTERNS)]


def test_many_triggers_differ_from_their_patterns() -> None:
    """So that what follows isn't about nothing."""
    assert len(CHANGED) > 30


@pytest.mark.parametrize("pattern", CHANGED)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_trigger_matches_wherever_its_pattern_does(pattern: str, data: st.DataObject) -> None:
    """In texts that are made after the pattern."""
    trigger = trigger_of(pattern)
    assert trigger is not None
    text = data.draw(st.from_regex(pattern))
    if re2.search(pattern, text):
        assert re2.search(trigger, text)


LETTERS = st.text("abAB01-_.: \n\u200b", max_size=4)
PIECES = st.recursive(
    st.sampled_from(
        ["a", "b", "ab", "0", "-", r"\.", "[ab]", "[a-z0-9]", r"\d", r"\s", "[^a]", "."]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["", "?", "*", "+", "{2}", "{0,4}", "{1,5}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda found: f"(?:{'|'.join(found)})"),
        inner.map(lambda found: f"\\b{found}"),
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(PIECES, st.lists(LETTERS, max_size=4).map("".join))
def test_no_pattern_matches_without_its_trigger(pattern: str, text: str) -> None:
    """Whatever it is made of, and whatever the text."""
    trigger = trigger_of(pattern)
    if trigger is not None and re2.search(pattern, text):
        assert re2.search(trigger, text)
