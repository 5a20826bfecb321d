"""NO_PROXY, as most clients read it."""

from __future__ import annotations

import pytest

from helm_boundary.calls.proxy_exceptions import exception_for, named_exceptions


@pytest.mark.parametrize(
    ("entries", "host", "port", "excepted"),
    [
        ("*", "api.openai.com", 443, True),
        ("openai.com", "api.openai.com", 443, True),
        (".openai.com", "openai.com", 443, True),
        ("*.openai.com", "api.openai.com", 443, True),
        ("openai.com", "notopenai.com", 443, False),
        ("LOCALHOST", "localhost", 8000, True),
        ("localhost:8000", "localhost", 8000, True),
        ("localhost:8000", "localhost", 8001, False),
        ("localhost:8000", "localhost", None, True),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.0.0.0/8", "ten.example", 80, False),
        ("::1", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("fd00::/8", "fd12::1", 80, True),
        ("127.0.0.1", "127.1", 80, True),
        ("", "anything", 80, False),
        ("not/a/network", "not", 80, False),
    ],
)
def test_an_entry_excepts_its_hosts(
    entries: str, host: str, port: int | None, excepted: bool
) -> None:
    """Names and what is under them, addresses, networks, ports."""
    named = named_exceptions({"NO_PROXY": f"other.example, {entries}"})
    assert (exception_for(named, host, port) is not None) is excepted


def test_the_lower_case_spelling_wins() -> None:
    """As in curl, which reads no other for http_proxy."""
    assert named_exceptions({"no_proxy": "a b,c", "NO_PROXY": "d"}) == ("a", "b", "c")
    assert named_exceptions({}) == ()
