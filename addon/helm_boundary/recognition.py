"""From a request to the call it makes: matched, decoded, read."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from . import batches, coding, forms, matching, strict_json
from .call import Call, HttpRequest, Operation
from .dialects import SOCKETS, dialect
from .recognised import Recognised
from .refusal import Refusal, schema_violation


def recognise(matcher: matching.Matcher, request: HttpRequest, limit: int) -> Operation | None:
    """The operation of a request, by its address or else its body's shape; None if it is no call.

    Raises:
        Refusal: the address is ambiguous, or a body that may be a call's can't be read.
    """
    operation = matcher.match(request)
    if operation is not None or not request.body or request.method not in matching.BODY_METHODS:
        return operation
    operation = _by_shape(request, limit)
    if operation is not None:
        matching.check_names(request)
    return operation


def read_call(request: HttpRequest, operation: Operation, limit: int) -> Recognised:
    """What a request of that operation asks for; at most `limit` bytes of it, decoded.

    Raises:
        Refusal: the body can't be decoded, isn't JSON that all readers read alike, or isn't in
            the operation's dialect.
    """
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
    if not request.body and operation.method in ("GET", "DELETE", ""):
        return Recognised(operation, Call(), b"")
    body = read_body(request.body, request.header("content-encoding"), limit)
    content_type = request.header("content-type")
    if forms.is_form(content_type):
        return _read_form(operation, body, content_type or "")
    coding.check_charset(content_type)
    value = strict_json.parse(body)
    deployment = matching.deployment_of(request.path)
    if deployment is not None and isinstance(value, dict):
        value = {**value, "model": deployment}
    return Recognised(operation, dialect(operation.dialect).read_request(value), body)


def _read_form(operation: Operation, body: bytes, content_type: str) -> Recognised:
    if operation.dialect != "generic":
        raise schema_violation("the operation takes JSON, not a form")
    parts = forms.read_form(body, content_type)
    call, described = forms.read_call(parts)
    lines = batches.lines_of(parts) if operation.id == "createFile" else None
    inner = () if lines is None else batches.read_lines(lines)
    return Recognised(operation, call, described, can_rewrite=False, inner=inner)


def read_body(body: bytes, content_encoding: str | None, limit: int) -> bytes:
    """A body without its content coding, bounded."""
    return coding.decode(body, content_encoding, limit)


def _by_shape(request: HttpRequest, limit: int) -> Operation | None:
    try:
        body = read_body(request.body, request.header("content-encoding"), limit)
    except Refusal:
        if matching.may_have_call_shape(request.body[: limit + 1]):
            raise
        return None  # nothing says that it is a call, and it isn't ours to break
    if not matching.may_have_call_shape(body):
        return None
    return matching.by_shape(request.method, _any_reading(body))


def _any_reading(body: bytes) -> object:
    """The body's value; what isn't strict JSON is read as the most forgiving of readers would.

    Raises:
        Refusal: when that forgiving reading is a call's, for another reader may make another call.
    """
    try:
        return strict_json.parse(body)
    except Refusal:
        value = _first_value(body)
        if matching.by_shape("POST", value) is not None:
            raise
        return value


def _first_value(body: bytes) -> object:
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _read_handshake(request: HttpRequest, operation: Operation) -> Recognised:
    if (request.header("upgrade") or "").lower() != "websocket":
        raise schema_violation("the operation is a WebSocket's; expected Upgrade: websocket")
    model = dict(parse_qsl(request.query)).get("model")
    return Recognised(operation, Call(model=model, stream=True), b"", can_rewrite=False)
