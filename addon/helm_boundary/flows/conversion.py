"""Conversion of mitmproxy's flows to the boundary's values, and back."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Mapping

from mitmproxy import http
from mitmproxy.proxy.mode_specs import RegularMode, ReverseMode, UpstreamMode

from helm_boundary.calls.call import HttpRequest, HttpResponse
from helm_boundary.calls.hosts import authority, canonical_host
from helm_boundary.enforcement.reply import Reply
from helm_boundary.parsing.redirects import is_address_header


def call_id(flow: http.HTTPFlow, *, again: bool) -> str:
    """Name a call as receipts do: the flow's id, or a new one where that was used before.

    A flow that is played again, read from a file, or judged again after somebody has edited it
    keeps its id and is another call, and of each call there is one outcome.
    """
    is_first = flow.live and not flow.is_replay and not again
    return flow.id if is_first else str(uuid.uuid4())


def read_request(flow: http.HTTPFlow, identity: str | None = None) -> HttpRequest:
    """Read the flow's request as the boundary judges it, with the host that its bytes go to."""
    request = flow.request
    path, _, query = request.path.partition("?")
    tls = request.scheme == "https"
    host, names, called = _destination(flow, tls)
    return HttpRequest(
        method=request.method,
        scheme=request.scheme,
        host=host,
        port=request.port,
        path=_plain(path),
        query=_plain(query),
        headers=_headers(request.headers),
        body=request.raw_content or b"",
        flow_id=identity or flow.id,
        names=names,
        called=called,
        names_must_agree=bool(names) or not isinstance(flow.client_conn.proxy_mode, ReverseMode),
        client_address=flow.client_conn.peername[0] if flow.client_conn.peername else "",
        principal=_principal(flow),
        tls_inspected=bool(flow.client_conn.tls_established),
        reached_at=_reached_at(flow),
    )


def read_response(response: http.Response, *, with_body: bool) -> HttpResponse:
    """Read a flow's response; the body only once it is complete."""
    body = (response.raw_content or b"") if with_body else b""
    return HttpResponse(response.status_code, _headers(response.headers), body)


def write_reply(reply: Reply) -> http.Response:
    """Write our own response as mitmproxy sends it."""
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    return http.Response.make(reply.status, reply.body, http.Headers(fields))


def add_headers(response: http.Response, headers: tuple[tuple[str, str], ...]) -> None:
    """Put our headers on the upstream's response, in place of any that it sent itself."""
    strip_own_headers(response.headers)
    ours = ((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    response.headers.fields = (*response.headers.fields, *ours)


def change_addresses(response: http.Response, changed: Mapping[str, str]) -> None:
    """Replace the addresses in a response's headers that would lead past us."""
    response.headers.fields = tuple(
        (name, changed.get(value.decode("latin-1"), "").encode("latin-1") or value)
        if is_address_header(name.decode("latin-1"))
        else (name, value)
        for name, value in response.headers.fields
    )


def strip_own_headers(headers: http.Headers) -> None:
    """Remove every `X-Helm-*` header: none goes upstream, and none comes from there."""
    headers.fields = tuple(
        field for field in headers.fields if not field[0].lower().startswith(b"x-helm-")
    )


def frame(request: http.Request) -> None:
    """Set Content-Length, so that the server sees the same end of the body as we did.

    HTTP/2 needs no Content-Length. Sent on over HTTP/1.1 without one, a body would be the server's
    next request, which nobody has judged (mitmproxy 12.2 doesn't add what is missing).
    """
    if not request.raw_content:
        return
    length = b"%d" % len(request.raw_content)
    fields = [(name.lower(), value) for name, value in request.headers.fields]
    if any(name == b"transfer-encoding" and b"chunked" in value.lower() for name, value in fields):
        return
    if [value for name, value in fields if name == b"content-length"] != [length]:
        request.headers["content-length"] = length.decode("ascii")


def prepare_forwarding(
    request: http.Request, rewritten: bytes | None, traceparent: str | None = None
) -> None:
    """Make a judged request ready to leave: what was judged, and an answer we can read.

    Where calls are traced, `traceparent` names the span of the provider's leg.
    """
    strip_own_headers(request.headers)
    request.headers["accept-encoding"] = "identity"
    request.trailers = None
    if traceparent is not None:
        request.headers["traceparent"] = traceparent
    if rewritten is not None:
        request.headers.pop("content-encoding", None)
        request.content = rewritten


def make_endless(response: http.Response) -> None:
    """Let a stream end elsewhere than its upstream said: no length is promised to the client."""
    if response.headers.pop("content-length", None) is not None and response.is_http11:
        response.headers["transfer-encoding"] = "chunked"


def fingerprint(flow: http.HTTPFlow) -> tuple[object, ...]:
    """Return everything of a request that was judged; equal only while nothing changes it."""
    data = flow.request.data
    return (
        data.method,
        data.scheme,
        data.host,
        data.port,
        data.authority,
        data.path,
        data.headers.fields,
        data.content,
    )


def response_fingerprint(response: http.Response) -> tuple[object, ...]:
    """Return everything of a response that a client gets; equal only while nothing changes it."""
    data = response.data
    return data.status_code, data.reason, data.headers.fields, data.content, data.trailers


def says_the_same(response: http.Response, other: http.Response) -> bool:
    """Tell whether two responses have the same status and body, whatever headers there are."""
    ours, theirs = response.data, other.data
    return (ours.status_code, ours.content) == (theirs.status_code, theirs.content)


def _destination(flow: http.HTTPFlow, tls: bool) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Find the host that bytes go to, the names that must agree with it, and what it is called.

    An address alone can't disagree with a name. Where TLS verifies the name (SNI), the name
    counts, and the address is where that is; where traffic was diverted to us, or came by SOCKS
    with an address, that is all that is sure, and the names are what the server may read.
    """
    request = flow.request
    mode = flow.client_conn.proxy_mode
    host = canonical_host(request.host)
    if isinstance(mode, ReverseMode):
        # Over HTTP/1.1 an authority is a request line in absolute form, and is sent on as one.
        own = request.authority if request.data.http_version.startswith(b"HTTP/1") else ""
        return host, (_plain(own),) if own else (), ()
    sni = flow.client_conn.sni if tls else None
    hosts = [each.strip() for line in request.headers.get_all("host") for each in line.split(",")]
    given = (*hosts, request.authority, sni)
    names = tuple(dict.fromkeys(_plain(name) for name in given if name))
    if _is_address(host):
        if sni and not _is_address(sni):
            return canonical_host(sni), names, (host,)
        if not isinstance(mode, RegularMode | UpstreamMode):
            return host, tuple(filter(_is_address, names)), names
    return host, names, ()


def _reached_at(flow: http.HTTPFlow) -> str:
    """Return our own host and port where the client takes us for the server; else nothing."""
    client = flow.client_conn
    if not isinstance(client.proxy_mode, ReverseMode):
        return ""
    host, port = client.sockname[:2] if client.sockname else ("", 0)
    return authority(host, port)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(canonical_host(host))
    except ValueError:
        return False
    return True


def _principal(flow: http.HTTPFlow) -> str | None:
    found = flow.metadata.get("proxyauth")
    return str(found[0]) if isinstance(found, tuple | list) and found else None


def _headers(headers: http.Headers) -> tuple[tuple[str, str], ...]:
    """Read headers as text; bytes that aren't UTF-8 are replaced, for no JSON can carry them."""
    return tuple(
        (name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
        for name, value in headers.fields
    )


def _plain(text: str) -> str:
    """Replace header bytes that aren't text, which no JSON can carry."""
    return (
        text
        if text.isascii()
        else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    )
