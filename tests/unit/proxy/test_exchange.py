"""Conversion of mitmproxy's flows to the boundary's values: nothing is lost, nothing believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from helm_boundary.enforcement.reply import Reply
from helm_boundary.flows import conversion


def flow_of(mode: str = "regular", **changes: object) -> http.HTTPFlow:
    """Build a flow with a request to that destination."""
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)
    flow.client_conn.sni = None
    for name, value in changes.items():
        setattr(flow.request, name, value)
    return flow


CHANGES: dict[str, Callable[[http.Request], None]] = {
    "method": lambda r: setattr(r, "method", "PUT"),
    "scheme": lambda r: setattr(r, "scheme", "https"),
    "host": lambda r: setattr(r.data, "host", "example.com"),
    "port": lambda r: setattr(r, "port", 1),
    "path": lambda r: setattr(r, "path", "/other"),
    "query": lambda r: setattr(r, "path", r.path + "?a=b"),
    "a header": lambda r: r.headers.__setitem__("x-new", "1"),
    "a header's letter": lambda r: setattr(r.headers, "fields", ((b"HEADER", b"qvalue"),)),
    "the body": lambda r: setattr(r, "raw_content", b"other"),
    "no body": lambda r: setattr(r, "raw_content", None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_fingerprint_knows_every_change(name: str) -> None:
    """Whatever a server could see changes it; looking doesn't."""
    flow = flow_of()
    before = conversion.fingerprint(flow)
    assert conversion.fingerprint(flow) == before
    CHANGES[name](flow.request)
    assert conversion.fingerprint(flow) != before


def test_in_reverse_mode_the_configured_target_counts() -> None:
    """Host and SNI are the client's own idea."""
    flow = flow_of("reverse:http://127.0.0.1:80", host="127.0.0.1")
    flow.request.headers["host"] = "api.openai.com"
    read = conversion.read_request(flow)
    assert (read.host, read.names, read.names_must_agree) == ("127.0.0.1", (), False)


def test_in_forward_mode_every_name_is_looked_at() -> None:
    """Host, authority and, under TLS, SNI."""
    flow = flow_of(host="one.example", scheme="https")
    flow.request.headers["host"] = "two.example"
    flow.request.authority = "three.example"
    flow.client_conn.sni = "four.example"
    read = conversion.read_request(flow)
    assert read.names_must_agree
    assert {"two.example", "three.example", "four.example"} <= set(read.names)


def test_the_name_that_tls_verifies_counts_before_an_address() -> None:
    """A tunnel to an address with SNI goes to who can show a certificate for that name."""
    flow = flow_of(host="10.0.0.1", scheme="https")
    flow.client_conn.sni = "api.openai.com"
    assert conversion.read_request(flow).host == "api.openai.com"


def test_bytes_in_headers_that_arent_text_are_replaced() -> None:
    """No JSON document can carry them."""
    flow = flow_of()
    flow.request.headers.fields = ((b"user-agent", b"\xff\xfe"),)
    read = conversion.read_request(flow)
    assert read.header("user-agent") == "��"


def test_what_is_forwarded_has_none_of_our_headers_and_asks_for_identity() -> None:
    """Whatever their letters' case; trailers don't go along."""
    flow = flow_of()
    flow.request.headers.fields = ((b"X-HELM-a", b"1"), (b"x-helm-b", b"2"), (b"keep", b"3"))
    flow.request.trailers = http.Headers(((b"t", b"1"),))
    body = flow.request.raw_content
    conversion.prepare_forwarding(flow.request, None)
    assert list(flow.request.headers.items(multi=True)) == [
        ("keep", "3"),
        ("accept-encoding", "identity"),
    ]
    assert flow.request.trailers is None
    assert flow.request.raw_content == body


def test_a_rewritten_body_goes_out_plain_with_its_own_length() -> None:
    """No coding is left that it doesn't have."""
    flow = flow_of()
    flow.request.headers["content-encoding"] = "gzip"
    conversion.prepare_forwarding(flow.request, b"rewritten")
    assert "content-encoding" not in flow.request.headers
    assert flow.request.headers["content-length"] == "9"
    assert flow.request.raw_content == b"rewritten"


def test_our_headers_replace_what_an_upstream_pretends() -> None:
    """Also headers of that name that we don't send ourselves."""
    response = http.Response.make(200, b"", {"X-Helm-Verdict": "ALLOW", "x-helm-other": "1"})
    conversion.add_headers(response, (("X-Helm-Verdict", "DENY"),))
    found = [value for name, value in response.headers.fields if name.lower() == b"x-helm-verdict"]
    assert found == [b"DENY"]
    assert "x-helm-other" not in response.headers


def test_an_endless_response_promises_no_length() -> None:
    """The gate may end it early."""
    response = http.Response.make(200, b"", {"content-length": "10"})
    conversion.make_endless(response)
    assert "content-length" not in response.headers
    assert response.headers["transfer-encoding"] == "chunked"


def test_a_reply_is_written_as_it_is() -> None:
    """Status, headers and body."""
    response = conversion.write_reply(Reply(403, (("A", "b"), ("A", "c")), b"{}"))
    assert (response.status_code, response.raw_content) == (403, b"{}")
    assert response.headers.get_all("a") == ["b", "c"]


def test_a_responses_fingerprint_knows_every_change() -> None:
    """Status, reason, headers, body, trailers."""
    changes: tuple[Callable[[http.Response], None], ...] = (
        lambda r: setattr(r, "status_code", 201),
        lambda r: setattr(r, "reason", "other"),
        lambda r: r.headers.__setitem__("x", "1"),
        lambda r: setattr(r, "raw_content", b"other"),
        lambda r: setattr(r, "trailers", http.Headers(((b"t", b"1"),))),
    )
    for change in changes:
        response = http.Response.make(200, b"body")
        before = conversion.response_fingerprint(response)
        change(response)
        assert conversion.response_fingerprint(response) != before


LENGTHS = {
    "none": ({}, b"hello", ["5"]),
    "its own": ({"content-length": "5"}, b"hello", ["5"]),
    "another": ({"content-length": "3"}, b"hello", ["5"]),
    "chunks": ({"transfer-encoding": "chunked"}, b"hello", []),
    "nothing to measure": ({}, b"", []),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_body_ends_where_its_length_says(name: str) -> None:
    """Whether the client had to say it or not; chunks say it themselves."""
    given, body, expected = LENGTHS[name]
    request = flow_of().request
    request.headers = http.Headers([(k.encode(), v.encode()) for k, v in given.items()])
    request.raw_content = body
    conversion.frame(request)
    assert request.headers.get_all("content-length") == expected
