"""Canonical JSON in the receipts' profile."""

import importlib.util
import json
import sys
from types import ModuleType

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from helm_receipts.envelope import canonical, canonical_encoding
from helm_receipts.errors import CanonicalError

NAMES = st.text(st.characters(max_codepoint=0x7F), max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
)


@given(VALUES)
def test_canonical_json_agrees_with_another_implementation(value: object) -> None:
    """Within the profile our text is the one that trailofbits' rfc8785 writes."""
    assert canonical_encoding.encode(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def slowly() -> ModuleType:
    """Load `canonical` as it is where orjson isn't installed."""
    spec = importlib.util.find_spec("helm_receipts.envelope.canonical")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "orjson", None)
        spec.loader.exec_module(module)
    assert not hasattr(module, "orjson")
    return module


@given(VALUES)
def test_the_text_is_the_same_without_orjson(slowly: ModuleType, value: object) -> None:
    """What the boundary writes, an auditor with nothing but the standard library reads."""
    text = canonical_encoding.encode(value)
    assert slowly.encode_fast(value) == text
    assert slowly.decode(text) == value


@pytest.mark.parametrize("depth", [10, 200, 300, 500])
def test_deeply_nested_values_are_encoded_the_same(slowly: ModuleType, depth: int) -> None:
    """The standard library encodes values that are nested too deeply for orjson."""
    text = b"[" * depth + b"]" * depth
    assert canonical.decode(text) == slowly.decode(text)
    assert canonical_encoding.encode(canonical.decode(text)) == text


@given(VALUES)
def test_decoding_gives_the_value_back(value: object) -> None:
    """decode(encode(value)) is the value."""
    assert canonical.decode(canonical_encoding.encode(value)) == value


@pytest.mark.parametrize(
    "value",
    [1.5, {"é": 1}, {1: 2}, 2**53, -(2**53), {"a": [0.0]}, b"bytes", "\ud800", {"a": {1, 2}}],
    ids=repr,
)
def test_values_outside_the_profile_are_refused(value: object) -> None:
    """Floats, large integers, member names that aren't ASCII and lone surrogates are refused."""
    with pytest.raises(CanonicalError):
        canonical_encoding.encode(value)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":-0}',
        b'{"a":NaN}',
        b'{"a":9007199254740992}',
        b'{"a":1}\n',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\\u0041"}',
        b'{"a":"\xff"}',
        b"",
        b"[" * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
    ids=lambda text: repr(text[:24]),
)
def test_a_second_spelling_of_a_value_is_refused(text: bytes) -> None:
    """Only the canonical text of a value is read, so no two readers can differ."""
    with pytest.raises(CanonicalError):
        canonical.decode(text)


def test_only_characters_that_must_be_are_escaped() -> None:
    """RFC 8785 section 3.2.2.2: short escapes where there are some, else lower-case hex."""
    text = canonical_encoding.encode('\b\t\n\f\r\x00\x1f\x7f"\\/é€😀')
    assert text == '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\\"\\\\/é€😀"'.encode()
    assert json.loads(text) == '\b\t\n\f\r\x00\x1f\x7f"\\/é€😀'
