"""Redirects in reverse mode: where a client would send its call again, and how it comes back."""

from __future__ import annotations

import pytest

from helm_boundary.calls.call import HttpRequest, HttpResponse
from helm_boundary.calls.refusal import Refusal
from helm_boundary.parsing.redirects import lead_back

PATH = "/v1/chat/completions"
JSON = (("content-type", "application/json"),)


def request(
    method: str = "POST",
    *,
    body: bytes = b"{}",
    scheme: str = "https",
    host: str = "up.example",
    port: int = 443,
    headers: tuple[tuple[str, str], ...] = JSON,
    reached_at: str = "127.0.0.1:9090",
) -> HttpRequest:
    """Build a call as a reverse proxy has it."""
    return HttpRequest(
        method, scheme, host, port, PATH, "a=b", headers, body, reached_at=reached_at
    )


def redirected(
    address: str, status: int = 307, *, header: str = "Location", asked: HttpRequest | None = None
) -> str:
    """Return what becomes of an address in a redirect."""
    response = HttpResponse(status, ((header, address),))
    return lead_back(asked or request(), response).get(address, address)


OWN = {
    "/v1/other?x=y": "/v1/other?x=y",
    "other": "other",
    "../x": "../x",
    "?x=y": "?x=y",
    "": "",
    "#x": "#x",
    "https://up.example/v1/other?x=y#z": "/v1/other?x=y#z",
    "HTTPS://UP.Example:443/x": "/x",
    "https://up.example./x": "/x",
    "http://up.example/x": "/x",
    "http://up.example:443/x": "/x",
    "https://up.example": "/",
    "https://up.example?x": "/?x",
    "//up.example/x": "/x",
    "http://127.0.0.1:9090/x": "/x",
    " /x ": " /x ",
}


@pytest.mark.parametrize("address", OWN)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308, 399])
def test_an_address_of_the_upstreams_own_leads_back_to_us(address: str, status: int) -> None:
    """Without scheme and host it means whatever the client asked last, and that is us."""
    assert redirected(address, status) == OWN[address]


ELSEWHERE = [
    *("https://evil.example/x", "http://evil.example", "https://up.example:8443/x"),
    *("https://up.example.evil.example/x", "https://xup.example/"),
    *(
        "//evil.example/x",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "///evil.example",
    ),
    *("/.//evil.example", "/..//evil.example", "https:///evil.example", "https:evil.example"),
    *("https:/evil.example", "https:\\\\evil.example", "http://up.example\\@evil.example/"),
    *(
        "https://up.example@evil.example/",
        "https://user:pw@up.example/",
        "https://up.example//evil/x",
    ),
    *("ftp://up.example/x", "javascript:x", "data:,x", "unix:/x", "about:blank", "x:y"),
    *("https://up.example:x/", "https://[::1]/", "https://up%2eexample/", "https://üp.example/"),
    *(
        "/x y",
        "/é",
        "https://evil.example#@up.example/",
        "https://up.example:443:1/",
        "https://:443/",
    ),
    *("\x01https://evil.example/", "ht\ttps://evil.example/", "http://127.0.0.1:9/v1/x"),
    *("/ok, https://evil.example/", "<https://evil.example/>", "https://0x7f000001:9091/"),
]


@pytest.mark.parametrize("address", ELSEWHERE)
@pytest.mark.parametrize("status", [300, 301, 302, 305, 307, 308, 399])
def test_a_call_isnt_sent_again_elsewhere(address: str, status: int) -> None:
    """Whoever follows it, and however they read the address."""
    with pytest.raises(Refusal) as refused:
        redirected(address, status)
    assert refused.value.code == "SCHEMA_VIOLATION"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("LOCATION", "https://evil.example/"),
        ("Location ", "https://evil.example/"),
        ("URI", "https://evil.example/"),
        ("Content-Location", "https://evil.example/"),
        ("Refresh", "0; url=https://evil.example/"),
        ("Refresh", "0;URL='https://evil.example/'"),
        ("Refresh", "0, https://evil.example/"),
        ("Link", '</x>; rel="a", <https://evil.example/>; rel="alternate"'),
    ],
)
def test_any_header_that_leads_elsewhere_counts(header: str, value: str) -> None:
    """Some reader follows each of them."""
    with pytest.raises(Refusal):
        redirected(value, 308, header=header)


def test_each_of_several_addresses_counts() -> None:
    """Clients take the first, the last, or both in one."""
    for pair in (("/x", "https://evil.example/"), ("https://evil.example/", "/x")):
        with pytest.raises(Refusal):
            lead_back(request(), HttpResponse(307, tuple(("Location", each) for each in pair)))


@pytest.mark.parametrize(
    "asked", [request("GET", body=b""), request("HEAD", body=b"")], ids=["GET", "HEAD"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_download_may_come_from_elsewhere(asked: HttpRequest, status: int) -> None:
    """Nothing of a call is sent there; one from the upstream itself comes by us."""
    address = "https://files.example/x?signature=1"
    assert redirected(address, status, asked=asked) == address
    assert redirected("https://up.example/x", status, asked=asked) == "/x"


def test_a_303_makes_a_page_of_it() -> None:
    """The next request is a GET without a body."""
    assert redirected("https://pages.example/", 303) == "https://pages.example/"


@pytest.mark.parametrize("method", ["DELETE", "PUT", "POST", "OPTIONS"])
def test_a_call_without_a_body_isnt_sent_again_elsewhere_either(method: str) -> None:
    """It still does something there."""
    with pytest.raises(Refusal):
        redirected("https://evil.example/", asked=request(method, body=b""))


@pytest.mark.parametrize(
    "asked",
    [
        request("GET", body=b"{}"),
        request("GET", body=b"", headers=(("Upgrade", "websocket"),)),
    ],
    ids=["a GET with a body", "a WebSocket"],
)
def test_what_would_carry_a_call_isnt_sent_again_elsewhere(asked: HttpRequest) -> None:
    """A socket's messages come after its handshake."""
    for status in (302, 307):
        with pytest.raises(Refusal):
            redirected("https://evil.example/", status, asked=asked)


def test_an_upstream_that_wants_tls_isnt_asked_in_circles() -> None:
    """Told without its scheme, the address is the one that was asked."""
    asked = request(scheme="http", port=80)
    assert redirected("https://up.example/v1/other", asked=asked) == "/v1/other"
    with pytest.raises(Refusal):
        redirected(f"https://up.example{PATH}?a=b", asked=asked)


def test_a_name_that_the_client_knows_us_by_is_ours() -> None:
    """Where the upstream is told of it (`keep_host_header`), it speaks of itself by that name."""
    asked = request(headers=(*JSON, ("Host", "gateway.internal:8080")))
    assert redirected("http://gateway.internal:8080/x", asked=asked) == "/x"
    with pytest.raises(Refusal):
        redirected("http://gateway.internal:8081/x", asked=asked)


@pytest.mark.parametrize("status", [200, 201, 202, 304, 404, 503])
def test_what_is_no_redirect_is_left_as_it_is(status: int) -> None:
    """Where something was made is no place to send a call to."""
    assert redirected("https://evil.example/", status) == "https://evil.example/"


def test_in_a_forward_proxy_the_next_request_comes_by_us_anyway() -> None:
    """Nothing is refused, nothing rewritten."""
    for address in (*OWN, *ELSEWHERE):
        assert redirected(address, asked=request(reached_at="")) == address
