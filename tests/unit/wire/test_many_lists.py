"""Bodies with very many lists, which are read another way and are the same values."""

from __future__ import annotations

import json

import pytest

from helm_boundary.calls.refusal import Refusal
from helm_boundary.wire import strict_json
from helm_boundary.wire.strict_json import MANY_LISTS, parse

LISTS = "[" + ",".join(["[]"] * (MANY_LISTS + 1)) + "]"


def test_many_lists_are_read_as_few_are() -> None:
    """Objects, numbers, escapes and white space among them."""
    rest = '"n": [1, -2.5, 1e3], "s": "\\u00e9\\n", "o": {"a": null}}'
    text = f'{{"lists": {LISTS}, {rest}'
    assert parse(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "member",
    ['"a": 1, "a": 2', '"a": NaN', '"a": 1e400', f'"a": {2**64}', '"a": "\\ud800"', '"a": [1,]'],
)
def test_what_has_two_readings_is_refused_among_many_lists_too(member: str) -> None:
    """By the same rules."""
    with pytest.raises(Refusal):
        parse(f'{{"lists": {LISTS}, {member}}}'.encode())


def test_deep_nesting_is_refused_however_many_lists_there_are() -> None:
    """Whichever way it is read."""
    for depth in (strict_json.MAX_DEPTH + 1, MANY_LISTS + 1):
        with pytest.raises(Refusal):
            parse(f"[{LISTS}, {'[' * depth}{']' * depth}]".encode())
