"""A call is known by its body, in whatever form any reader would still find one."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.calls.refusal import Refusal
from helm_boundary.matching.body_shape import may_be_call, operation_of_body

LIMIT = 4096
CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "messages": ({"model": "m", "messages": []}, "createChatCompletion"),
    "input": ({"model": "m", "input": "x"}, "createResponse"),
    "inputs": ({"model": "m", "input": [{"role": "user"}]}, "createResponse"),
    "prompt": ({"model": "m", "prompt": "x"}, "createCompletion"),
    "prompts": ({"model": "m", "prompt": ["x"]}, "createCompletion"),
    "capitals": ({"MODEL": "m", "Messages": []}, "createChatCompletion"),
}


@pytest.mark.parametrize("name", CALLS)
@given(before=st.text(" \t\r\n", max_size=200))
def test_a_call_is_known(name: str, before: str) -> None:
    """After any white space, escaped or not, compressed or not."""
    value, operation = CALLS[name]
    text = before.encode() + json.dumps(value).encode()
    escaped = text.replace(b"m", b"\\u006d") if b'"m' in text else text
    for body, coding in ((text, None), (escaped, None), (gzip.compress(text, mtime=0), "gzip")):
        found = operation_of_body(body, coding, LIMIT)
        assert found is not None
        assert found.id == operation


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plain text",
        b"[]",
        b'{"model": "T"}',
        b'{"model": 1, "messages": []}',
        b'{"model": "m", "messages": "none"}',
        b'{"messages": []}',
        b'{"inner": {"model": "m", "messages": []}}',
        b'{"note": "model and messages"}',
        b'{"note": "model: none, messages: none"}',
        b'{"note": "model: none"}\n{"note": "messages: none"}',
        b"/* model: messages: */ body { color: red }",
        b"/* never closed " + b"/*" * 1000,
        b'{"model": "T',
        bytes(range(256)),
    ],
)
def test_what_has_no_such_shape_is_none(body: bytes) -> None:
    """Other people's traffic isn't ours to judge, nor to break."""
    assert operation_of_body(body, None, LIMIT) is None


PLAIN = json.dumps({"model": "m", "messages": []}).encode()


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (PLAIN + b"x", None),
        (PLAIN + PLAIN, None),
        (PLAIN[:-1] + b",}", None),
        (b"\xef\xbb\xbf" + PLAIN, None),
        (b"// a comment\n /* another { */\n" + PLAIN, None),
        (PLAIN.replace(b'"', b"'"), None),
        (b"{model: 'm', messages: []}", None),
        (PLAIN.decode().encode("utf-16"), None),
        (PLAIN.decode().encode("utf-16-le"), None),
        (PLAIN.decode().encode("utf-32-be"), None),
        (PLAIN[:-1] + b', "model": "n"}', None),
        (PLAIN[:-1] + b', "n": NaN}', None),
        (PLAIN[:-1] + b', "n": "' + b"x" * LIMIT + b'"}', None),
        (gzip.compress(PLAIN[:-1] + b', "n": "' + b"x" * LIMIT + b'"}', mtime=0), "gzip"),
        (gzip.compress(gzip.compress(PLAIN, mtime=0), mtime=0), "gzip, gzip"),
        (gzip.compress(PLAIN, mtime=0) + b"x", "gzip"),
        (PLAIN, "gzip"),
        (PLAIN, "rot13"),
    ],
)
def test_what_only_some_readers_take_for_a_call_is_refused(body: bytes, coding: str | None) -> None:
    """It may be one, and can't be read in one way."""
    with pytest.raises(Refusal):
        operation_of_body(body, coding, LIMIT)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_the_cheap_test_fails_no_call(more: dict[str, str]) -> None:
    """Whatever else is in it."""
    for ascii_only in (True, False):
        try:
            text = json.dumps({**more, "model": "m", "input": ""}, ensure_ascii=ascii_only).encode()
        except UnicodeEncodeError:
            continue
        assert may_be_call(text)
