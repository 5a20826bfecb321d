"""Headers and options are looked up quickly, and are what mitmproxy finds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from mitmproxy import http, options

from helm_boundary.proxy.patches import lookups

FIELDS: list[tuple[tuple[bytes, bytes], ...]] = [
    (),
    ((b"Accept", b"*/*"),),
    ((b"accept", b"a"), (b"ACCEPT", b"b"), (b"X-\xc3\x9c", b"\xc3\xbc"), (b"odd", b"\xff\x00")),
]
NAMES: list[str | bytes] = [
    "accept",
    "Accept",
    b"ACCEPT",
    "x-\u00dc",
    "x-\u00fc",
    "odd",
    "",
    b"\xff",
]


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_header_has_the_values_that_mitmproxy_finds(
    fields: Sequence[tuple[bytes, bytes]], name: str | bytes
) -> None:
    """In any letter case, several times, and in bytes that aren't text."""
    headers = http.Headers(fields)
    assert lookups.get_all(headers, name) == lookups._get_all(headers, name)


def test_a_name_that_is_no_text_is_refused_as_by_mitmproxy() -> None:
    """An addon's mistake stays one."""
    with pytest.raises(TypeError, match="Expected str or bytes"):
        lookups.get_all(http.Headers(), 5)  # type: ignore[arg-type]


def test_an_option_that_could_be_changed_is_a_copy_and_the_others_are_themselves() -> None:
    """Whoever gets a list may change it, and changes no option."""
    given = options.Options(ignore_hosts=["a.test"])
    for name, option in given._options.items():
        assert lookups.current(option) == getattr(given, name)
    lookups.current(given._options["ignore_hosts"]).append("b.test")
    lookups.current(given._options["allow_hosts"]).append("b.test")
    assert given.ignore_hosts == ["a.test"]
    assert given.allow_hosts == []
