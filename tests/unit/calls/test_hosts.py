"""Which hosts are governed, and what a host pattern is."""

from __future__ import annotations

import pytest

from helm_boundary.calls.hosts import (
    DEFAULT_HOSTS,
    HostPatternError,
    canonical_host,
    is_governed,
    parse_host_pattern,
    provider_of,
    split_port,
)


@pytest.mark.parametrize(
    ("pattern", "host", "port", "path", "governed"),
    [
        ("api.openai.com", "api.openai.com", 443, "/x", True),
        ("api.openai.com", "api.openai.com", 8443, "/x", True),
        ("api.openai.com", "eu.api.openai.com", 443, "/x", False),
        ("api.openai.com", "xapi.openai.com", 443, "/x", False),
        ("api.openai.com", "api.openai.com.example", 443, "/x", False),
        ("API.OpenAI.com.", "api.openai.com", 443, "/x", True),
        ("*.example.com", "a.example.com", 443, "/x", True),
        ("*.example.com", "a.b.example.com", 443, "/x", True),
        ("*.example.com", "example.com", 443, "/x", False),
        ("*.example.com", "badexample.com", 443, "/x", False),
        ("host:8080", "host", 8080, "/x", True),
        ("host:8080", "host", 80, "/x", False),
        ("host/api/", "host", 80, "/api/v1", True),
        ("host/api/", "host", 80, "/api", True),
        ("host/api/", "host", 80, "/apix", False),
        ("host/api/", "host", 80, "/", False),
        ("[::1]:8080", "::1", 8080, "/x", True),
        ("127.0.0.1", canonical_host("127.1"), 80, "/x", True),
        ("127.0.0.1", canonical_host("2130706433"), 80, "/x", True),
        ("127.0.0.1", canonical_host("0x7F.0.0.1"), 80, "/x", True),
        ("127.1", canonical_host("[::FFFF:127.0.0.1]"), 80, "/x", True),
        ("[::1]", canonical_host("[0:0:0:0:0:0:0:1]"), 80, "/x", True),
        ("3com.example", canonical_host("3com.example"), 80, "/x", True),
        ("[::ffff:127.0.0.1]", "127.0.0.1", 80, "/x", True),
        ("bücher.example", canonical_host("xn--bcher-kva.example"), 443, "/x", True),
        ("xn--bcher-kva.example", canonical_host("BÜCHER.example"), 443, "/x", True),
        ("model_runner:12434", "model_runner", 12434, "/x", True),
        ("*.example.com:8443/api/", "a.example.com", 8443, "/api/x", True),
        ("host/api/", "host", 80, "/API/v1", True),
        ("host/Api/", "host", 80, "/api/v1", True),
        ("localhost:65535", "localhost", 65535, "/", True),
    ],
)
def test_patterns_match(pattern: str, host: str, port: int, path: str, *, governed: bool) -> None:
    """Names, any label, ports and prefixes."""
    assert is_governed([parse_host_pattern(pattern)], host, port, path) is governed


NO_PATTERNS = [
    *("", " ", "*", "*.", "a.*.com", "*a.com", "*.*.com", "*.127.0.0.1", "*.[::1]"),
    *("https://host", "https://host/v1", "/v1", ":80", "host:", "host:0", "host:99999"),
    *(
        "host:65536",
        "host:x",
        "host:443:1",
        "host:٨٠",
        "::1",
        "::1:80",
        "[::1",
        "::1]",
        "[1.2.3.4]",
    ),
    *("a.com,b.com", "a.com, b.com", "a.com b.com", "a.com;b.com", "a.com|b.com", "[a.com]"),
    *("user@a.com", "user:secret@a.com", ".a.com", "a..com", "a.com..", "'a.com'", '"a.com"'),
    *(
        "a.com?x",
        "a.com#x",
        "a.com\\x",
        "a\n.com",
        "a.com\n",
        "a\x00.com",
        "a\u200b.com",
        "^a.com$",
    ),
    *("a.com/x,b.com", "a.com/x y", "a.com//x", "a.com/../x", "a.com/x?y", "a.com/%61", "a.com/*"),
    *("1.2.3.4.5", "1.2.3.999", "-a.com", "a-.com", "a" * 64 + ".com"),
]


@pytest.mark.parametrize("text", NO_PATTERNS)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    """With the text and what was expected: it would match nothing, and govern nothing."""
    with pytest.raises(HostPatternError, match="expected"):
        parse_host_pattern(text)


def test_the_default_list_is_readable_and_each_has_a_provider() -> None:
    """Every default host is known by a name of its own."""
    for text in DEFAULT_HOSTS:
        pattern = parse_host_pattern(text)
        assert provider_of(pattern.name) != "other", text
    assert provider_of("example.com") == "other"
    assert provider_of("notapi.openai.com.example.com") == "other"


@pytest.mark.parametrize(
    ("authority", "host", "port"),
    [
        ("host", "host", None),
        ("host:80", "host", 80),
        ("[::1]", "::1", None),
        ("[::1]:80", "::1", 80),
        ("::1", "::1", None),
        ("host:", "host", None),
        ("[::1]:", "::1", None),
        ("host:x", "host:x", None),
        ("host:8o", "host:8o", None),
        ("host:٨٠", "host:٨٠", None),
    ],
)
def test_authorities_are_split(authority: str, host: str, port: int | None) -> None:
    """A port is ASCII digits after the last colon, or nothing; IPv6 addresses are left whole."""
    assert split_port(authority) == (host, port)


def test_hosts_are_compared_in_one_form() -> None:
    """Letters' case, a final dot and brackets don't make another host."""
    assert canonical_host(" API.Example.com. ") == "api.example.com"
    assert canonical_host("[::1]") == "::1"
