"""The automata miss nothing that a detector's own pattern finds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.calls.call import Text
from helm_boundary.policy.detectors.detectors import Detectors, compile_detectors
from helm_boundary.policy.sources.policy import read_policy

TEXT = read_policy([]).detectors_text
SHIPPED = compile_detectors(TEXT)
ALONE = [
    compile_detectors(
        json.dumps({"placeholders": json.loads(TEXT)["placeholders"], "detectors": [each]}).encode()
    )
    for each in json.loads(TEXT)["detectors"][::16]
]


def one(**member: object) -> Detectors:
    return compile_detectors(json.dumps({"detectors": [{"name": "d", **member}]}).encode())


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("abc[0-9]+", "xabc1"),  # begins alike
        ("(?i)abc[0-9]+", "xABC1"),  # letters of either case
        ("(?i)task[0-9]", "ta\u017f\u212a1"),  # letters that Unicode folds to them
        ("[a-z]{3}-needle-[0-9]", "abc-needle-1"),  # letters inside
        ("(?:ab|cd)[0-9]{3}", "cd123"),  # few letters
        ("[0-9]{3}", "x123"),  # none
        ("(?:needle|[0-9]{3})", "x123"),  # one of two without
        ("日本語[0-9]", "日本語1"),
        (r"[\x{200B}-\x{200D}]{2}", "a\u200b\u200b"),
        ("^start[0-9]", "start1"),
        ("end[0-9]$", "x end1"),
    ],
)
def test_patterns_of_every_kind_are_found(pattern: str, text: str) -> None:
    """By their beginning, by letters within, or by themselves."""
    (finding,) = one(pattern=pattern).scan([Text("/t", "user", text)])
    assert finding.end == len(text)


@pytest.mark.parametrize("keyword", ["k", "key", "Ké", "a.b", "sv="])
@pytest.mark.parametrize("shout", [str.lower, str.upper])
def test_keywords_of_every_kind_are_found(keyword: str, shout: object) -> None:
    """However short, and in letters of either case."""
    assert callable(shout)
    found = one(pattern="[0-9]{5}", keywords=[keyword])
    assert len(found.scan([Text("/t", "user", f"{shout(keyword)} 12345")])) == 1
    assert len(found.scan([Text(f"/{shout(keyword)}", "user", "12345")])) == 1
    assert found.scan([Text("/t", "user", "12345")]) == []


@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    "AKIA",
                    "sk-",
                    "ghp_",
                    "eyJ",
                    "Bearer ",
                    "password=",
                    "://",
                    "@",
                    ".com",
                    "-----",
                ),
                *("BEGIN PRIVATE KEY", "4111 1111 1111 1111", "GB82WEST", "\u200b", "\n", " ", '"'),
                *("a1B2c3D4", "0123456789abcdef", "xyz", "ignore previous", "instructions", ":"),
            ]
        )
    )
)
def test_all_detectors_find_what_each_finds_alone(parts: list[str]) -> None:
    """Whatever the others look for in the same text."""
    text = [Text("/t", "user", "".join(parts))]
    together = set(SHIPPED.scan(text))
    for alone in ALONE:
        assert {each for each in together if each.detector in alone.names} == {*alone.scan(text)}
