"""Which requests are messages of the Model Context Protocol (MCP): by headers and by shape.

An MCP server may be anywhere, so a body is looked at as the most forgiving of readers would look,
as in `body_shape`. Other protocols are JSON-RPC, too (language servers, A2A, blockchains): what
isn't MCP's alone is MCP's only where its headers say so, or where the server is a known one.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Final

from helm_boundary.calls.call import HttpRequest, Json, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.wire import content_coding, strict_json

from .body_shape import in_utf8
from .catalogue import Catalogue, read_table
from .mcp_beside import BEGINS, is_something_else, wants_events
from .mcp_servers import Address, Servers

NOTIFICATION, RESPONSE, BATCH = "mcp.notification", "mcp.response", "mcp.batch"
STREAM, END, UNREADABLE = "mcp.stream", "mcp.session.end", "unknown"
DIALECT: Final = "mcp"

_HEADERS = ("mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name")
_NOTIFICATIONS = "notifications/"
_SHARED = re.compile(r"ping|tasks/.*|initialize")
"""Methods that other protocols have, too."""
_OF_SERVERS = frozenset({"sampling/createMessage", "elicitation/create", "roots/list"})
"""What only servers ask: from a client, nobody knows what it means."""
_SIGNS = re.compile(
    rb"""["'](?:(?:tools|resources|prompts|completion|sampling|elicitation|roots|logging|tasks"""
    rb"""|server|subscriptions|notifications)\\?/[a-z/\\]+|initialize)["']""",
    re.IGNORECASE,
)
_ESCAPE = b"\\u"
_METHOD = b"method"


def recognise(
    request: HttpRequest, found: Operation | None, servers: Servers, limit: int
) -> Operation | None:
    """Return the operation of an MCP message, None where a request is none.

    `found` is the operation that the address gives away. What is MCP's and can't be read is an
    operation as well, which reading then refuses.

    Raises:
        Refusal: the path can be read as a known server's but isn't written so.
    """
    known = servers.address_of(request) if servers else None
    if found is not None and found.id != UNREADABLE and known is None:
        return None  # no headers, and no more members, make something else of a model's call
    by_headers = any(request.header(name) is not None for name in _HEADERS)
    if not request.body:
        return _without_body(request, known, by_headers=by_headers)
    surely = by_headers or known is not None
    found = _with_body(request, limit, surely=surely)
    if found is None and surely and not is_something_else(request, known, by_headers=by_headers):
        return operation_named(UNREADABLE)
    return found


def operation_named(identity: str) -> Operation:
    """Return the operation of that id."""
    return next(each for each in _catalogue().operations if each.id == identity)


def operation_of(value: Json) -> Operation:
    """Return the operation of one message, whatever protocol its method is of."""
    method = value.get("method") if isinstance(value, dict) else None
    if isinstance(value, list):
        return operation_named(BATCH)
    if not isinstance(method, str):
        return operation_named(RESPONSE if isinstance(value, dict) else UNREADABLE)
    if method.startswith(_NOTIFICATIONS):
        return operation_named(NOTIFICATION)
    return _find(method) or operation_named(UNREADABLE)


def _without_body(
    request: HttpRequest, known: Address | None, *, by_headers: bool
) -> Operation | None:
    """Return the operation of the older protocol's other requests: its stream, a session's end."""
    if request.method == "GET" and (known is not None or by_headers):
        return operation_named(STREAM) if wants_events(request, known) else None
    if request.method == "DELETE" and request.header("mcp-session-id") is not None:
        return operation_named(END)
    return None


def _with_body(request: HttpRequest, limit: int, *, surely: bool) -> Operation | None:
    """Return the operation of a body; one that can't be read and may be a message is refused."""
    coding = request.header("content-encoding")
    try:
        body = content_coding.decode(request.body, coding, limit)
    except Refusal:
        readings = (content_coding.glimpse(request.body, coding, limit), request.body)
        is_sure = any(_may_be(in_utf8(text), surely=surely) for text in readings)
        return operation_named(UNREADABLE) if is_sure else None
    return operation_in(body, surely=surely)


def operation_in(body: bytes, *, surely: bool = False) -> Operation | None:
    """Return the operation of a decoded text, as `recognise` does; `surely` as headers say."""
    text = in_utf8(body)
    if not _may_be(text, surely=surely):
        return None
    try:
        value = strict_json.parse(body)
    except Refusal:
        return operation_named(UNREADABLE) if _might_ask(text, surely=surely) else None
    return operation_of(value) if _is_message(value, surely=surely) else None


class _Members(list[tuple[str, Json]]):
    """An object's members, each as often as it is there."""


def _might_ask(text: bytes, *, surely: bool) -> bool:
    """Tell whether some reader may find a message in what isn't read alike by all of them."""
    try:
        value = _EVERY.raw_decode(text.decode("utf-8", "replace").lstrip("\ufeff \t\r\n"))[0]
    except (ValueError, RecursionError):
        return surely or _SIGNS.search(text) is not None
    asks = [value] if isinstance(value, _Members) else value if isinstance(value, list) else []
    return any(
        _is_message({name: member}, surely=surely) or (surely and name.casefold() == "jsonrpc")
        for each in asks
        if isinstance(each, _Members)
        for name, member in each
    )


_EVERY = json.JSONDecoder(strict=False, object_pairs_hook=_Members)


def _may_be(text: bytes, *, surely: bool) -> bool:
    """Tell cheaply whether a text may be a message; none of those fails."""
    if not BEGINS.match(text):
        return False
    if surely or _ESCAPE in text:
        return True
    # The second look costs a hundred times the first, and few bodies need it.
    return _METHOD in text.lower() and _SIGNS.search(text) is not None


def _is_message(value: Json, *, surely: bool) -> bool:
    """Tell whether a value is MCP's, as the most forgiving of servers would read it."""
    if isinstance(value, list):
        return any(_is_message(each, surely=surely) for each in value)
    if not isinstance(value, dict):
        return False
    folded = {key.casefold(): member for key, member in value.items()}
    method = folded.get("method")
    if surely:
        return "jsonrpc" in folded or isinstance(method, str)
    return isinstance(method, str) and _is_own(method, folded.get("params"))


def _is_own(method: str, params: Json) -> bool:
    """Tell whether a method is MCP's alone."""
    if method == "initialize":
        return isinstance(params, dict) and "protocolVersion" in params
    if _SHARED.fullmatch(method):
        return False
    return method in _OF_SERVERS or _find(method) is not None


def _find(method: str) -> Operation | None:
    """Look a method up; what isn't one has brackets in the table."""
    return None if "(" in method else _catalogue().find("POST", method.split("/"))


@cache
def _catalogue() -> Catalogue:
    return Catalogue(read_table("catalogue_mcp.tsv"))
