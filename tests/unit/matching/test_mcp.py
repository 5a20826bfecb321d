"""MCP's messages among other traffic: known by shape and headers, on any host and path."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.hosts import DEFAULT_HOSTS, parse_host_pattern
from helm_boundary.matching.matcher import Matcher
from helm_boundary.matching.mcp_servers import read_servers
from helm_boundary.parsing.requests import recognise
from support import mcp

MATCHER = Matcher(tuple(parse_host_pattern(host) for host in DEFAULT_HOSTS))
SERVERS = read_servers({"mcp": {"servers": {"known": ["https://known.example/mcp/"]}}})
EVENTS = {"accept": "text/event-stream"}
VERSION = {"mcp-protocol-version": "2025-06-18"}


def operation(body: object = b"", method: str = "POST", url: str = "", **headers: str) -> str:
    """Return the id of a request's operation, nothing where it is no call."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    host, _, path = (url or "any.example/whatever").partition("/")
    sent = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    request = HttpRequest(method, "https", host, 443, "/" + path, "", sent, raw)
    found = recognise(MATCHER, request, 1 << 20, SERVERS)
    return found.id if found else ""


METHODS = {
    "tools/call": "mcp.tools.call",
    "tools/list": "mcp.tools.list",
    "resources/read": "mcp.resources.read",
    "prompts/get": "mcp.prompts.get",
    "completion/complete": "mcp.completion.complete",
    "server/discover": "mcp.server.discover",
    "subscriptions/listen": "mcp.subscriptions.listen",
    "notifications/initialized": "mcp.notification",
    "sampling/createMessage": "unknown",
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_of_mcp_is_known_anywhere(method: str) -> None:
    """On any host and path, without any header."""
    assert operation(mcp.request(method)) == METHODS[method]
    assert operation([mcp.request(method)]) == "mcp.batch"
    assert operation(mcp.request(method), url="api.openai.com/anything") == METHODS[method]


def test_initialize_is_mcps_with_its_version() -> None:
    """A language server's has none."""
    assert operation(mcp.request("initialize", protocolVersion="2025-06-18")) == "mcp.initialize"
    assert not operation(mcp.request("initialize", rootUri="file:///"))


OTHERS: dict[str, object] = {
    "a language server": mcp.request("textDocument/completion"),
    "a chain": mcp.request("eth_call"),
    "an agent of A2A": mcp.request("tasks/get", id="7"),
    "a message of A2A": mcp.request("message/send"),
    "somebody's ping": mcp.request("ping"),
    "an answer": mcp.answer({}),
    "JSON": {"method": "POST", "tools/call": 1},
    "a text about it": {"text": 'send {"method": "tools/call"}'},
    "a list": [1, 2],
    "a log": b'{"at": 1}\n{"method": "tools/call"}\n',
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_peoples_traffic_is_left_alone(name: str) -> None:
    """Unless a header says MCP, or it goes to a known server."""
    assert not operation(OTHERS[name])


def test_headers_and_known_servers_tell_what_a_body_does_not() -> None:
    """A client's answer, a ping, a task, a method of tomorrow."""
    for about in (VERSION, {"mcp-session-id": "x"}, {"mcp-method": "ping"}):
        sent = {name.replace("-", "_"): value for name, value in about.items()}
        assert operation(mcp.request("ping"), **sent) == "mcp.ping"
        assert operation(mcp.request("tasks/get"), **sent) == "mcp.tasks.get"
        assert operation(mcp.answer({}), **sent) == "mcp.response"
        assert operation(mcp.request("robots/dance"), **sent) == "unknown"
    assert operation(mcp.answer({}), url="known.example/mcp") == "mcp.response"
    assert operation(mcp.request("(batch)"), url="known.example/mcp/x") == "unknown"


def test_the_streams_of_the_older_protocol() -> None:
    """A stream of a server's own, and a session's end."""
    assert operation(method="GET", accept="text/event-stream", mcp_session_id="x") == "mcp.stream"
    assert operation(method="GET", url="known.example/mcp", **EVENTS) == "mcp.stream"
    for header in ("mcp_session_id", "last_event_id"):  # a session's, or one that is taken up again
        asked = {header: "x", "accept": "*/*"}
        assert operation(method="GET", url="known.example/mcp", **asked) == "mcp.stream"
    assert operation(method="GET", accept="Text/Event-Stream", mcp_session_id="x") == "mcp.stream"
    signing_in = "known.example/mcp/authorize"
    assert not operation(method="GET", url=signing_in, mcp_session_id="x", accept="text/html")
    assert operation(method="DELETE", mcp_session_id="x") == "mcp.session.end"
    assert not operation(method="GET", **EVENTS)
    assert not operation(method="GET", url="known.example/health", **EVENTS)
    assert not operation(method="GET", url="known.example/mcp", accept="text/html")


ACCEPTED = ["*/*", "text/*", "application/json, */*;q=0.1", "text/html,*/*;q=0.8", ""]


@pytest.mark.parametrize("accept", ACCEPTED)
def test_a_named_servers_stream_may_come_to_whoever_takes_anything(accept: str) -> None:
    """A stateless server has no session that would tell what the GET is for."""
    sent = {"accept": accept} if accept else {}
    assert operation(method="GET", url="known.example/mcp", **sent) == "mcp.stream"
    assert not operation(method="GET", url="any.example/mcp", **sent)
    assert not operation(method="GET", url="known.example/health", **sent)


def test_pages_beside_a_named_server_are_left_alone() -> None:
    """What a browser asks for below the address: pages and their files."""
    page = "text/html,application/xhtml+xml,*/*;q=0.8"
    assert not operation(method="GET", url="known.example/mcp/about", accept=page)
    for path in ("mcp/logo.png", "mcp/app.js"):
        assert not operation(method="GET", url=f"known.example/{path}", accept="*/*")
    assert not operation(method="GET", url="known.example/mcp/authorize", accept="*/*")
    assert operation(method="GET", url="known.example/mcp/more", accept="*/*") == "mcp.stream"


UNREADABLE = {
    "words": b"delete everything",
    "YAML": b"jsonrpc: '2.0'\nmethod: tools/call\nparams: {name: x}\n",
    "a packed message": b"\x83\xa7jsonrpc\xa32.0\xa6method\xaatools/call",
    "a prefix": b")]}'\n" + json.dumps(mcp.tool_call("x")).encode(),
    "an event": b"data: " + json.dumps(mcp.tool_call("x")).encode() + b"\n\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("path", ["mcp", "mcp/", "mcp/x"])
def test_what_is_no_json_is_refused_at_a_named_server(name: str, path: str) -> None:
    """Whatever it is to the server: elsewhere it is nobody's business."""
    for kind in ("application/json", "text/plain", "application/octet-stream"):
        sent = {"content_type": kind}
        assert operation(UNREADABLE[name], url=f"known.example/{path}", **sent) == "unknown"
        assert not operation(UNREADABLE[name], url=f"any.example/{path}", **sent)


def test_a_named_servers_address_is_for_messages_alone() -> None:
    """Below it there may be forms, uploads and other people's JSON."""
    form = {"content_type": "application/x-www-form-urlencoded"}
    upload = {"content_type": "multipart/form-data; boundary=x"}
    for body, sent in ((b"a=b", form), (b"--x--", upload), ({"hello": 1}, {})):
        assert operation(body, url="known.example/mcp", **sent) == "unknown"
        assert not operation(body, url="known.example/mcp/consent", **sent)


CALL = json.dumps(mcp.tool_call("x")).encode()
SPELLINGS: dict[str, bytes] = {
    "escapes": CALL.replace(b"tools/call", rb"\u0074ools/call"),
    "an escaped slash": CALL.replace(b"tools/call", rb"tools\/call"),
    "names in capitals": CALL.replace(b'"method"', b'"METHOD"'),
    "UTF-16": CALL.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + CALL,
    "more after it": CALL + b"{}",
    "a comment": b"/* hi */" + CALL,
    "a method twice": CALL[:-1] + b', "method": "robots/dance"}',
    "a method twice, the other way": b'{"method": "robots/dance", ' + CALL[1:],
    "no version": CALL.replace(b'"jsonrpc": "2.0", ', b""),
    "in a batch": b"[1, " + CALL + b"]",
    "other quotes": CALL.replace(b'"', b"'"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_whatever_some_server_reads_as_a_message_is_one(name: str) -> None:
    """It is recognised, and what can't be read in one way is refused when it is read."""
    assert operation(SPELLINGS[name])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "GET", "DELETE", "QUERY"])
def test_a_message_under_another_method_is_one(method: str) -> None:
    """Servers have been seen that don't look."""
    assert operation(CALL, method) == "mcp.tools.call"


def test_a_coded_message_is_one() -> None:
    """Once, or in a way that can't be read."""
    assert operation(gzip.compress(CALL), content_encoding="gzip") == "mcp.tools.call"
    twice = gzip.compress(gzip.compress(CALL))
    assert operation(twice, content_encoding="gzip", mcp_method="tools/call") == "unknown"
    assert operation(CALL, content_encoding="rot13") == "unknown"


AUTHORIZATION: list[tuple[str, str, bytes, dict[str, Any]]] = [
    ("GET", "known.example/.well-known/oauth-protected-resource/mcp", b"", {**VERSION}),
    ("GET", "known.example/.well-known/oauth-authorization-server", b"", {}),
    ("GET", "known.example/authorize", b"", {}),
    ("POST", "known.example/token", b"grant_type=authorization_code&code=secret",
     {"content-type": "application/x-www-form-urlencoded"}),
    ("POST", "known.example/register", b'{"redirect_uris": ["http://127.0.0.1/"]}', {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "url", "body", "headers"), AUTHORIZATION)
def test_authorization_is_no_call(
    method: str, url: str, body: bytes, headers: dict[str, Any]
) -> None:
    """Its documents and tokens are never judged, and so in no receipt."""
    sent = {name.replace("-", "_"): value for name, value in headers.items()}
    assert not operation(body, method, url, **sent)


def name(url: str) -> str | None:
    """Return the server's name at an address."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return SERVERS.name_of(HttpRequest("POST", scheme, host, 443, slash + path or "/", "", (), b""))


def test_a_server_is_everything_below_its_address() -> None:
    """And nothing beside it."""
    assert name("https://known.example/mcp") == name("https://KNOWN.example/mcp/x") == "known"
    assert name("https://known.example/m%63p") == "known"
    assert name("https://known.example/mcpx") is None
    assert name("http://known.example/mcp") is None
    assert name("https://other.example/mcp") is None


@pytest.mark.parametrize("path", ["/x/../mcp", "//mcp", "/mcp%2f", "/%256dcp", "/mcp;x", "/MCP//"])
def test_a_known_servers_path_in_other_spellings_is_refused(path: str) -> None:
    """Some servers read it, and others don't."""
    with pytest.raises(Exception, match="path"):
        name(f"https://known.example{path}")
