"""From a request to the call it makes: matched, decoded, read."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

from helm_boundary.calls.call import Call, HttpRequest, Json, Operation
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.dialects import SOCKETS, dialect
from helm_boundary.dialects.json_shape import check_names
from helm_boundary.matching import matcher as matching
from helm_boundary.matching import mcp
from helm_boundary.matching.body_shape import CONVERSE, operation_of_body
from helm_boundary.matching.catalogue import UNKNOWN
from helm_boundary.matching.cloud_paths import is_cloud
from helm_boundary.matching.mcp_beside import is_authorization
from helm_boundary.matching.mcp_servers import Servers
from helm_boundary.matching.path_and_body import (
    by_path_and_body,
    converses,
    may_converse,
    needs_body,
    of_neighbour,
)
from helm_boundary.matching.path_model import model_in_path
from helm_boundary.wire import content_coding, multipart, strict_json

from . import batches, mcp_requests
from .parsed_call import Recognised, name_all, read_value
from .raw_body import may_be_raw, read_raw

_MODEL_PARAMETERS = ("model", "deployment")  # the second is Azure's
_MODELS = ("model_id", "agent_id")
"""What names who answers at watsonx and at Mistral."""
_TAKE_NOTHING = frozenset({"admin", "agent", "data", "meta", "realtime", "unknown"})
"""The categories of operations that are asked for without a body, whatever their method."""
_NO_SERVERS = Servers()
_SIGNED = "AWS4-"
_METHOD_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")


def recognise(
    matcher: matching.Matcher,
    request: HttpRequest,
    limit: int,
    servers: Servers = _NO_SERVERS,
) -> Operation | None:
    """Return the operation of a request, by its address and its body's shape; None if it's no call.

    Raises:
        Refusal: the address is ambiguous, or a body that may be a call's can't be read.
    """
    operation = matcher.match(request)
    message = mcp.recognise(request, operation, servers, limit)
    if message is not None:
        matching.check_names(request)
        return message
    if operation is UNKNOWN and not matcher.lists(request) and is_authorization(request):
        operation = None  # of an MCP server that we stand before
    if not request.body:
        return operation
    if operation is None or (operation is UNKNOWN and not matcher.lists(request)):
        operation = _by_body(request, limit) or operation
        if operation is not None:
            matching.check_names(request)
    elif needs_body(request, operation):
        operation = by_path_and_body(request, operation, _value(request, limit))
    return operation


def _by_body(request: HttpRequest, limit: int) -> Operation | None:
    """Return the operation of a body that is a call's on a path that nobody knows, else None."""
    operation = operation_of_body(request.body, ",".join(_codings(request)), limit)
    if operation is not None:
        return of_neighbour(request, operation)
    value = _value(request, limit) if may_converse(request) else None
    return CONVERSE if isinstance(value, dict) and converses(request, value) else None


def _codings(request: HttpRequest) -> list[str]:
    return [request.header("content-encoding") or "", *_transfer_codings(request)]


def _value(request: HttpRequest, limit: int) -> Json:
    """Return a body's JSON value; None where it has none that all readers read alike."""
    try:
        decoded = content_coding.decode(request.body, request.header("content-encoding"), limit)
        return strict_json.parse(decoded)
    except Refusal:
        return None


def read_call(
    request: HttpRequest, operation: Operation, limit: int, servers: Servers = _NO_SERVERS
) -> Recognised:
    """Read what a request of that operation asks for, at most `limit` bytes of it, decoded.

    Raises:
        Refusal: the body can't be decoded, isn't JSON that all readers read alike, or isn't in
            the operation's dialect.
    """
    _check_unambiguous(request)
    if operation.dialect == mcp.DIALECT:
        return mcp_requests.read_mcp(request, operation, limit, servers.name_of(request))
    if operation.dialect == "ungated":
        raise Refusal(
            "CAPABILITY_UNKNOWN",
            "this boundary can't judge that operation's answers yet, so it isn't let through",
            "class_forbidden",
        )
    if operation.dialect in SOCKETS and not request.body:
        return _read_handshake(request, operation)
    if request.header("upgrade") is not None:
        raise Refusal("CAPABILITY_UNKNOWN", "the operation is none that changes protocols")
    if not request.body and _may_be_empty(operation):
        return Recognised(operation, Call(), b"")
    model = model_in_path(request.path, operation)
    body = read_body(request.body, request.header("content-encoding"), limit)
    content_type = request.header("content-type")
    if multipart.is_form(content_type):
        return _read_form(operation, body, content_type or "", model)
    content_coding.check_charset(content_type)
    try:
        value = strict_json.parse(body)
    except Refusal:
        if not may_be_raw(operation, request) or _by_body(request, limit) is not None:
            raise
        call, described = read_raw(body, content_type)
        return Recognised(operation, call, described, can_rewrite=False)
    read = _read_json(operation, value, body, model)
    return replace(read, can_rewrite=False) if _is_signed(request) else read


def read_again(request: HttpRequest, read: Recognised, value: Json, body: bytes) -> Recognised:
    """Read a call whose body was rewritten; raises as `read_call`."""
    if read.operation.dialect == mcp.DIALECT:
        call = mcp_requests.read_rewritten(request, value, read.server)
    else:
        call = read_value(read.operation, value, read.model)
    return Recognised(read.operation, call, body)


def _is_signed(request: HttpRequest) -> bool:
    """Tell whether a request's signature covers its body, as Amazon's does."""
    return (request.header("authorization") or "").startswith(_SIGNED)


def _may_be_empty(operation: Operation) -> bool:
    return operation.method in ("GET", "DELETE", "") or operation.category in _TAKE_NOTHING


def _read_json(operation: Operation, value: Json, body: bytes, model: str | None) -> Recognised:
    if isinstance(value, dict):
        check_names(value, "the body")
        _refuse_batch_in_parts(operation, value)
        model = model or _named_otherwise(operation, value)
    if operation.id == batches.IN_ONE_BODY:
        inner = batches.read_requests(value)
        call = batches.with_calls(dialect(operation.dialect).read_request(value), inner)
        return Recognised(operation, call, body, inner=inner)
    call = read_value(operation, value, model)
    if model is not None and is_cloud(operation):
        call = _with_own_model(call, value)
    return Recognised(operation, call, body, model=model)


def _named_otherwise(operation: Operation, value: dict[str, Json]) -> str | None:
    """Return the model that a cloud's body has under a name of its own, None where it hasn't."""
    if "model" in value or not (is_cloud(operation) or operation is CONVERSE):
        return None
    return next((found for name in _MODELS if isinstance(found := value.get(name), str)), None)


def _with_own_model(call: Call, value: Json) -> Call:
    """Return a call with the model that its body names beside the path's: servers take either."""
    own = value.get("model") if isinstance(value, dict) else None
    return (
        call
        if not isinstance(own, str) or own in call.models
        else replace(call, models=(*call.models, own))
    )


def _refuse_batch_in_parts(operation: Operation, value: dict[str, Json]) -> None:
    """Refuse a batch's file in parts: its lines can only be judged where it comes whole."""
    if operation.id == "createUpload" and value.get("purpose") == batches.PURPOSE.decode():
        raise Refusal(
            "CAPABILITY_UNKNOWN",
            "a batch's file in parts can't be judged; upload it whole (POST /v1/files)",
            "instance_parameter",
        )


def _check_unambiguous(request: HttpRequest) -> None:
    """Refuse headers that make another request of this one for those servers that honour them."""
    if _transfer_codings(request):
        raise schema_violation("the body has a transfer coding other than chunked")
    for name in _METHOD_OVERRIDES:
        if (request.header(name) or request.method).upper() != request.method.upper():
            raise schema_violation(f"{name} asks for another method than the request line")


def _transfer_codings(request: HttpRequest) -> list[str]:
    """List what was done to the body beside chunking it (RFC 9112 section 7)."""
    names = (request.header("transfer-encoding") or "").lower().split(",")
    return [name for each in names if (name := each.strip()) not in ("", "chunked", "identity")]


def _read_form(
    operation: Operation, body: bytes, content_type: str, model: str | None
) -> Recognised:
    if operation.dialect != "generic":
        raise schema_violation("the operation takes JSON, not a form")
    parts = multipart.read_form(body, content_type)
    call, described = multipart.read_call(parts)
    check_names(call.body, "the form")
    call = name_all(call, call.body)
    if model is not None:
        call = replace(call, model=model, models=(model,))
    lines = batches.lines_of(parts) if operation.id == "createFile" else None
    inner = () if lines is None else batches.read_lines(lines)
    call = batches.with_calls(call, inner) if inner else call
    return Recognised(operation, call, described, can_rewrite=False, inner=inner)


def read_body(body: bytes, content_encoding: str | None, limit: int) -> bytes:
    """Decode a body's content coding, bounded."""
    return content_coding.decode(body, content_encoding, limit)


def _read_handshake(request: HttpRequest, operation: Operation) -> Recognised:
    if (request.header("upgrade") or "").lower() != "websocket":
        raise schema_violation("the operation is a WebSocket's; expected Upgrade: websocket")
    asked = parse_qsl(request.query, keep_blank_values=True)
    models = [value for name, value in asked if name.lower() in _MODEL_PARAMETERS]
    if len(models) > 1:
        raise schema_violation("the query names the model twice")
    call = Call(model=models[0] if models else None, stream=True)
    return Recognised(operation, call, b"", can_rewrite=False)
