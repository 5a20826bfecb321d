"""What clients send to an MCP server beside messages: authorization, streams, forms, pages."""

from __future__ import annotations

import re
from typing import Final

from helm_boundary.calls.call import HttpRequest

from .mcp_servers import Address

_OF_STREAMS = ("mcp-session-id", "last-event-id")
BEGINS: Final = re.compile(
    rb"(?:[\t-\r ]++|\xef\xbb\xbf|\xc2\xa0|//[^\r\n]*+|/\*(?s:.*?)\*/)*+[\[{]"
)
"""How JSON begins, also for readers that allow comments."""
_EVENTS = "text/event-stream"
_WILDCARD = re.compile(r"(?:^|[,\s])(?:\*|text)/\*")
_FORM = "application/x-www-form-urlencoded"
_UPLOAD = "multipart/form-data"
_REGISTERS = b'"redirect_uris"'
_AUTHORIZATION = re.compile(
    r"/\.well-known/.*|(?:/[^/]+)*/(?:authorize|token|register|revoke|introspect|jwks(?:\.json)?)"
)
"""Where MCP's authorization is (RFC 8414, 9728, 7591): no calls, and full of secrets."""


def is_authorization(request: HttpRequest) -> bool:
    """Tell whether a request is part of MCP's authorization: its documents, its tokens."""
    if _AUTHORIZATION.fullmatch(request.path) is None:
        return False
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return True
    content_type = (request.header("content-type") or "").lower()
    registers = request.path.endswith("/register") and _REGISTERS in request.body
    return request.method == "POST" and (content_type.startswith(_FORM) or registers)


def is_something_else(request: HttpRequest, known: Address | None, *, by_headers: bool) -> bool:
    """Tell whether a body that has no message in it is none for any server.

    `known` is the named server's address that it goes to, where nothing but messages belongs;
    `by_headers` tells that its headers speak of MCP, as those of authorization do.
    """
    if is_authorization(request):
        return True
    if known is not None and known.is_endpoint(request.path):
        return False
    content_type = (request.header("content-type") or "").lower()
    if BEGINS.match(request.body) is not None:
        return request.header("content-encoding") is None
    return content_type.startswith(_FORM) or (not by_headers and content_type.startswith(_UPLOAD))


def wants_events(request: HttpRequest, known: Address | None) -> bool:
    """Tell whether a server may answer with its stream: a session's GET is for nothing else."""
    accept = (request.header("accept") or "*/*").lower()
    if _EVENTS in accept:
        return True
    if is_authorization(request):
        return False
    in_session = any(request.header(name) is not None for name in _OF_STREAMS)
    takes_all = known is not None and _WILDCARD.search(accept) is not None
    return in_session or (takes_all and not _is_page(request, known, accept))


def _is_page(request: HttpRequest, known: Address | None, accept: str) -> bool:
    """Tell whether a browser asks for a page beside the server, or for a file of a page's."""
    if known is not None and known.is_endpoint(request.path):
        return False
    return "text/html" in accept or "." in request.path.rpartition("/")[2]
