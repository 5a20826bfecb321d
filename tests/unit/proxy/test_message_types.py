"""mitmproxy's check of a message's fields, done quickly, refuses what it refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from mitmproxy import http

from helm_boundary.proxy.patches.message_types import check_types_quickly

REQUEST = http.Request(
    "a.test", 443, b"POST", b"https", b"", b"/", b"HTTP/1.1", http.Headers(), b"{}", None, 1.0, None
).data
RESPONSE = http.Response(b"HTTP/1.1", 200, b"OK", http.Headers(), None, http.Headers(), 1, 2.0).data
VALUES: list[Any] = [None, "text", b"bytes", 1, 1.5, True, (), http.Headers()]


@pytest.fixture
def quickly() -> Iterator[None]:
    """Check quickly in this test only."""
    usual = http.MessageData.__post_init__
    check_types_quickly()
    yield
    http.MessageData.__post_init__ = usual  # type: ignore[method-assign]


def verdict(message: http.MessageData, field: str, value: object) -> str:
    """Return the error with which a value is refused in a field; nothing where it is taken."""
    try:
        replace(message, **{field: value})  # type: ignore[arg-type]
    except TypeError as error:
        return str(error)
    return ""


EACH = [(message, each.name) for message in (REQUEST, RESPONSE) for each in fields(message)]
OWN = {
    (name, repr(value)): verdict(message, name, value) for message, name in EACH for value in VALUES
}


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(("message", "name"), EACH, ids=str)
def test_every_value_of_every_field_is_taken_or_refused_as_by_mitmproxy(
    message: http.MessageData, name: str
) -> None:
    """Also what mitmproxy takes though it isn't of the type, such as an integer for a time."""
    for value in VALUES:
        assert verdict(message, name, value) == OWN[name, repr(value)]
