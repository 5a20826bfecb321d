"""Which requests are calls, and of which operation.

A request is a call when its destination is a governed host, when its path ends as an inference
operation's does, or when its body has the shape of a call. What some server might read as a
call's path, though it isn't written as one, is refused: the boundary and the server must not
read two operations from one path. Everything else is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from helm_boundary.calls.call import HttpRequest, Operation
from helm_boundary.calls.hosts import HostPattern, canonical_host, is_governed, split_port
from helm_boundary.calls.refusal import Refusal, schema_violation

from .agent_paths import agent_operation
from .catalogue import UNKNOWN, known_operations, operations_of_sdks
from .cloud_paths import find_cloud, is_cloud_plain
from .path_reading import BLANK, ODD, canonical_path, loosest_reading, plain_segments
from .roots import in_catalogue

_NO_METHOD = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NO_HEADER = re.compile(r"[\x00\r\n]")
SOCKETS = frozenset({"connectRealtime", "connectResponses"})
"""Operations that are WebSockets."""
_CARRIER = "anthropic.createMessageBatch"
"""An operation that is data by its category, and brings calls along."""

_ANYBODYS = frozenset(
    {"anthropic.complete", "anthropic.streamSessionEvents", "anthropic.streamThreadEvents"}
)
"""Operations whose paths other people's servers have too, beside those that only SDKs tell of."""
_NATIVE = frozenset(
    {"/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/v1/chat", "/v2/chat"}
)
"""Own paths of Ollama, LM Studio and Cohere: anybody's where the body isn't a call's."""


PREFLIGHT = Operation("cors.preflight", "meta", "generic", "OPTIONS", "")
"""What a browser asks before a page's call to another origin; the call itself is another one."""
_ASKED_METHOD = "access-control-request-method"


class Matcher:
    """Recognises calls; `patterns` are the governed hosts."""

    def __init__(self, patterns: Sequence[HostPattern]) -> None:
        self._patterns = tuple(patterns)

    def match(self, request: HttpRequest) -> Operation | None:
        """Return the operation that a request's address asks for, None if it is no call by that.

        Raises:
            Refusal: an ambiguous path, or names that disagree about the destination.
        """
        _check_request_line(request)
        _check_headers(request)
        path = canonical_path(request.path)
        listed = self._lists(request, path)
        governed = listed or _is_taken_for_server(request)
        operation = _by_path(request.method, path, request.query, governed)
        if (operation is None or operation is UNKNOWN) and _is_preflight(request, path):
            return self._preflight(request, path, governed)
        if request.header("upgrade") is not None:
            operation = _upgraded(operation, path, request.query, governed)
        elif operation is not None and operation.id in SOCKETS and not governed:
            operation = None  # anybody's list of responses
        if operation is None or operation is UNKNOWN or operation.category == "data":
            # Mistral's /agents/completions is no agent of Anthropic's with that name.
            operation = _on_cloud(request, path) or operation
        if operation is UNKNOWN:
            operation = agent_operation(plain_segments(path)) or UNKNOWN
        if operation is None or operation is UNKNOWN:
            _refuse_lookalikes(request, path, governed=governed, listed=listed)
        if operation is UNKNOWN and request.header("upgrade") is not None and not listed:
            operation = None  # a socket behind a listener of ours, known by its first message
        if operation is not None:
            check_names(request)
        return operation

    def _preflight(self, request: HttpRequest, path: str, governed: bool) -> Operation | None:
        """Return the operation of a browser's question whether a page may call this path."""
        asked = request.header(_ASKED_METHOD) or ""
        if not governed and _by_path(asked, path, request.query, governed) is None:
            return None
        check_names(request)
        return PREFLIGHT

    def lists(self, request: HttpRequest) -> bool:
        """Tell whether one of the patterns governs a request's host."""
        return self._lists(request, canonical_path(request.path))

    def _lists(self, request: HttpRequest, path: str) -> bool:
        paths = {path}
        if ODD.search(path):  # a prefix in another spelling is still that prefix
            paths.add(loosest_reading(request.path))
        return any(
            is_governed(self._patterns, host, port, path)
            for host, port in _places(request)
            for path in paths
        )


def _places(request: HttpRequest) -> set[tuple[str, int]]:
    """List where a request goes, and everything that this is called: any of it may be governed."""
    found = {(canonical_host(request.host), request.port)}
    for name in (*request.names, *request.called):
        host, port = split_port(name.rpartition("@")[2])
        known = canonical_host(host)
        found |= {(known, request.port), (known, port or request.port)}
    return found


def _is_preflight(request: HttpRequest, path: str) -> bool:
    """Tell whether a request asks what a page may ask, and nothing else (Fetch, CORS-preflight)."""
    return (
        request.method == "OPTIONS"
        and not request.body
        and request.header("origin") is not None
        and request.header(_ASKED_METHOD) is not None
        and not ODD.search(path)
    )


def neighbour(request: HttpRequest) -> Operation | None:
    """Return what harmless operation a path is that isn't one on any host, None where it isn't.

    It counts where the body has a call's shape: a text is split into tokens at `/tokenize`.
    """
    segments = plain_segments(canonical_path(request.path))
    found = in_catalogue(request.method, segments, request.query, governed=True)
    is_near = found is not None and (found.category == "meta" or found.path in _NATIVE)
    return found if is_near else None


def _is_taken_for_server(request: HttpRequest) -> bool:
    """Tell whether a client took us for the server: what a listener leads to is governed."""
    return bool(request.reached_at)


def _on_cloud(request: HttpRequest, path: str) -> Operation | None:
    """Return the cloud's operation that a path ends as, whatever stands before it.

    Raises:
        Refusal: a lenient server would find another, or another model.
    """
    found = find_cloud(request.method, path, has_body=bool(request.body))
    is_odd = found is not None and ODD.search(path) is not None
    if is_odd and not is_cloud_plain(path, loosest_reading(request.path)):
        raise _ambiguous()
    return found


def _check_request_line(request: HttpRequest) -> None:
    """Refuse what would make another request line of it in HTTP/1.1; HTTP/2 lets it through."""
    target = request.path + request.query
    if _NO_METHOD.search(request.method) or BLANK.search(target):
        raise schema_violation(
            "the method isn't a token (RFC 9110 section 9.1), or the path has white space in it"
        )


def _check_headers(request: HttpRequest) -> None:
    """Refuse what some servers take for another header, or for the end of all (RFC 9110, 5.5)."""
    if _NO_HEADER.search("".join(map("".join, request.headers))):
        raise schema_violation(
            "a header is folded over several lines, or has a carriage return or NUL in it; "
            "send it on one line"
        )


def check_names(request: HttpRequest) -> None:
    """Refuse a call whose authority, Host or SNI names another host than its bytes would go to.

    Raises:
        Refusal: when they disagree.
    """
    if not request.names_must_agree:
        return
    for name in request.names:
        host, port = split_port(name)
        if canonical_host(host) != canonical_host(request.host) or port not in (None, request.port):
            raise schema_violation(
                "the request's Host, authority or SNI names another host than its destination"
            )
    if len({canonical_host(split_port(name)[0]) for name in request.called}) > 1:
        raise schema_violation("the request's Host and authority name two hosts")


def _by_path(method: str, path: str, query: str, governed: bool) -> Operation | None:
    method = "GET" if method == "HEAD" else method  # the same without a body
    found = in_catalogue(method, plain_segments(path), query, governed)
    if governed:
        return found or UNKNOWN
    return found if found is not None and _is_distinct(found) else None


def _upgraded(found: Operation | None, path: str, query: str, governed: bool) -> Operation | None:
    """Return the operation of a request that asks for another protocol, by its path's end."""
    if found is not None and found is not UNKNOWN:
        return found
    socket = _socket_at(plain_segments(path))
    return socket or _by_path("POST", path, query, governed) or found  # read_call refuses a POST's


def _socket_at(segments: Sequence[str]) -> Operation | None:
    """Return the WebSocket at the end of a path, under whatever prefix it is served."""
    found = known_operations().find("GET", segments[-1:])
    return found if found is not None and found.id in SOCKETS else None


def _is_distinct(operation: Operation) -> bool:
    """Tell whether a path alone makes a call on any host: `/v1/files` is anybody's."""
    if operation.id == _CARRIER:
        return True
    if operation.id in _ANYBODYS or operation.id in operations_of_sdks():
        return False
    return operation.category in ("inference", "realtime") or operation.dialect != "generic"


def _refuse_lookalikes(request: HttpRequest, path: str, *, governed: bool, listed: bool) -> None:
    """Raise for a path that another reader might take for an operation's."""
    loose = loosest_reading(request.path)
    if loose == path and request.method == request.method.upper():
        return
    segments = [part for part in loose.split("/") if part]
    found = in_catalogue(request.method.upper(), segments, request.query, governed)
    if request.header("upgrade") is not None:
        found = _socket_at(segments) or found
    elif found is not None and found.id in SOCKETS:
        found = None
    ambiguous = found is not None and (governed or _is_distinct(found))
    ambiguous |= find_cloud(request.method, loose, has_body=bool(request.body)) is not None
    if ambiguous or (listed and ODD.search(path)):
        raise _ambiguous()


def _ambiguous() -> Refusal:
    return schema_violation(
        "the path can be read as an operation's but isn't written as one; "
        "send it plainly, without escapes, dot segments, doubled or final slashes"
    )
