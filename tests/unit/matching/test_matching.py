"""Paths: what is plainly an operation's, what may be read as one, and what is neither."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.hosts import parse_host_pattern
from helm_boundary.calls.refusal import Refusal
from helm_boundary.matching.catalogue import UNKNOWN, known_operations, read_table
from helm_boundary.matching.matcher import Matcher
from helm_boundary.matching.path_reading import canonical_path, loosest_reading
from support.vectors import FOLDER

DESCRIPTION = FOLDER / "openai/openapi.json.gz"
MATCHER = Matcher([parse_host_pattern("api.openai.com")])


def request(path: str, *, host: str = "example.com", method: str = "POST") -> HttpRequest:
    """Make a request to that path."""
    return HttpRequest(method, "https", host, 443, path, "", (), b"")


@pytest.mark.skipif(not DESCRIPTION.exists(), reason="the API's description isn't here")
def test_the_catalogue_has_every_operation_and_no_other() -> None:
    """Method, path and id of all operations in the API's own description."""
    api: dict[str, Any] = json.loads(gzip.decompress(DESCRIPTION.read_bytes()))
    described = {
        (method.upper(), path, operation.get("operationId"))
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "put", "patch", "delete", "head", "options")
    }
    listed = {(o.method, o.path, o.id) for o in read_table("catalogue.tsv")}
    assert len(described) == 288
    assert listed == described


def test_every_operation_is_found_on_a_governed_host() -> None:
    """By its own path, with something in place of each parameter."""
    for operation in read_table("catalogue.tsv"):
        path, _, query = operation.path.partition("?")
        filled = "/".join("x-1" if s.startswith("{") else s for s in path.split("/"))
        asked = HttpRequest(
            operation.method, "https", "api.openai.com", 443, "/v1" + filled, query, (), b""
        )
        assert MATCHER.match(asked) == operation


def test_what_the_catalogue_doesnt_know_is_unknown_on_a_governed_host_only() -> None:
    """Elsewhere it is other traffic."""
    for path in ("/", "/v1", "/v1/new-thing", "/v2/new-thing", "/favicon.ico"):
        assert MATCHER.match(request(path, host="api.openai.com")) is UNKNOWN
        assert MATCHER.match(request(path)) is None


SPELLINGS = st.lists(
    st.sampled_from(
        ["/", "//", "/./", "%2F", "%2f", "%252f", "\\", "/x/../", "/;a=b/", "/%2e/", "/%00"]
    ),
    min_size=3,
    max_size=3,
)


@given(SPELLINGS, st.sampled_from(["", "/", ";x", "%20", "#f", "%00"]), st.booleans())
def test_every_spelling_of_a_calls_path_is_the_call_or_refused(
    joints: list[str], end: str, upper: bool
) -> None:
    """None of them is taken for other traffic."""
    path = f"{joints[0]}v1{joints[1]}chat{joints[2]}completions{end}"
    path = path.upper() if upper else path
    try:
        operation = MATCHER.match(request(path))
    except Refusal:
        return
    assert operation is not None
    assert operation.id == "createChatCompletion"


@given(st.text(st.characters(max_codepoint=0x17F), max_size=40))
def test_any_path_is_read_without_a_fault(path: str) -> None:
    """A refusal or an answer, on hosts of both kinds; the loosest reading is stable."""
    for host in ("example.com", "api.openai.com"):
        with contextlib.suppress(Refusal):
            MATCHER.match(request("/" + path, host=host))
    loose = loosest_reading("/" + path)
    assert loose == loosest_reading(loose) or "%" in path or "#" in path or ";" in path


def test_one_normalisation_decodes_unreserved_characters_only() -> None:
    """RFC 3986, section 6.2.2.2: what is left is another path."""
    assert canonical_path("/v1/%63hat%2Dx%7E") == "/v1/chat-x~"
    assert canonical_path("/a%2Fb%2563%00%20%3B") == "/a%2Fb%2563%00%20%3B"


@pytest.mark.parametrize("name", ["api.openai.com", "example.com:444", "[::1]"])
def test_names_that_disagree_with_the_destination_are_refused(name: str) -> None:
    """In authority, Host or SNI."""
    asked = HttpRequest(
        "POST", "https", "example.com", 443, "/v1/chat/completions", "", (), b"", names=(name,)
    )
    with pytest.raises(Refusal, match="another host"):
        MATCHER.match(asked)


@pytest.mark.parametrize("name", ["example.com", "EXAMPLE.com.", "example.com:443"])
def test_names_that_agree_pass(name: str) -> None:
    """Whatever their spelling."""
    asked = HttpRequest(
        "POST", "https", "example.com", 443, "/v1/chat/completions", "", (), b"", names=(name,)
    )
    assert MATCHER.match(asked) is not None


def test_ids_are_unique() -> None:
    """An operation's id is what receipts and policies name it by."""
    ids = [(o.id, o.path) for o in known_operations().operations]
    assert len(ids) == len(set(ids))
