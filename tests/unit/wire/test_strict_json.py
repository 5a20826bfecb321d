"""JSON that has one reading is read as every reader reads it; the rest is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.calls.refusal import Refusal
from helm_boundary.wire import strict_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_every_json_value_round_trips(value: Any) -> None:
    """Every value comes back, escaped or not."""
    try:
        plain = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a key with half a pair, which only an escape can carry
        with pytest.raises(Refusal):
            strict_json.parse(json.dumps(value).encode())
        return
    assert strict_json.parse(plain) == value
    assert strict_json.parse(json.dumps(value).encode()) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    """No other exception gets out, and what is read can be written again."""
    try:
        value = strict_json.parse(text)
    except Refusal:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_are_finite_or_refused(number: float) -> None:
    """NaN and Infinity aren't JSON, whatever Python's writer thinks."""
    text = json.dumps([number]).encode()
    if math.isfinite(number):
        assert strict_json.parse(text) == [number]
    else:
        with pytest.raises(Refusal):
            strict_json.parse(text)


@pytest.mark.parametrize("levels", [99, 100])
def test_a_hundred_levels_are_read(levels: int) -> None:
    """The limit itself is within it."""
    strict_json.parse(b"[" * levels + b"]" * levels)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("levels", [102, 1000, 500_000])
def test_more_levels_are_refused(opening: bytes, levels: int) -> None:
    """Also where Python's own reader would run out of stack."""
    closing = b"]" if opening == b"[" else b"}"
    with pytest.raises(Refusal, match="nested deeper"):
        strict_json.parse(opening * levels + b"1" + closing * levels)


def test_many_brackets_on_few_levels_are_read() -> None:
    """The cheap count is only a suspicion."""
    text = b"[" + b",".join([b"[]"] * 1000) + b"]"
    assert len(strict_json.parse(text)) == 1000


def test_a_refusal_names_the_place_and_never_the_content() -> None:
    """It goes to the client and into logs."""
    with pytest.raises(Refusal) as refused:
        strict_json.parse(b'{"a": secret}', "the upstream's answer")
    assert "the upstream's answer" in refused.value.message
    assert "secret" not in refused.value.message
