"""A request to an MCP server into the calls it makes, where headers and body must agree.

Source: MCP 2026-07-28, Streamable HTTP, "Request Metadata".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import replace

from helm_boundary.calls.call import Call, HttpRequest, Json, Operation
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.dialects import mcp
from helm_boundary.matching.mcp import operation_of
from helm_boundary.wire import content_coding, strict_json
from helm_boundary.wire.json_rpc import Message, read_messages

from .parsed_call import Recognised

_METHOD, _NAME, _VERSION = "mcp-method", "mcp-name", "mcp-protocol-version"
_PARAM = "mcp-param-"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_META_VERSION = "io.modelcontextprotocol/protocolVersion"
_CODED, _END = "=?base64?", "?="
_STREAMS = frozenset({"subscriptions/listen"})


def read_mcp(
    request: HttpRequest, operation: Operation, limit: int, server: str | None = None
) -> Recognised:
    """Read a client's message, or a batch of them, each of which is judged.

    `server` is the short name of where it goes, None where nobody has named that.

    Raises:
        Refusal: it can't be read in one way, or its headers say something else than its body.
    """
    if not request.body and operation.method in ("GET", "DELETE"):
        return Recognised(operation, Call(stream=operation.method == "GET", server=server), b"")
    if request.method != "POST":
        raise schema_violation("an MCP message is sent with POST")
    if request.header("upgrade") is not None:
        raise schema_violation("an MCP message doesn't change protocols")
    body = content_coding.decode(request.body, request.header("content-encoding"), limit)
    content_coding.check_charset(request.header("content-type"))
    value = strict_json.parse(body)
    messages = read_messages(value)
    check_headers(request, messages)
    call = read_value(value, server)
    inner = _inner(value, messages, server) if isinstance(value, list) else ()
    return Recognised(operation_of(value), call, body, inner=inner, server=server)


def read_rewritten(request: HttpRequest, value: Json, server: str | None) -> Call:
    """Read what policy made of a message, which goes with the client's headers; as `read_mcp`."""
    check_headers(request, read_messages(value))
    return read_value(value, server)


def read_value(value: Json, server: str | None) -> Call:
    """Read the call that a message makes, or a batch; raises as `read_mcp`."""
    call = mcp.with_server(mcp.read_request(value), server)
    method = value.get("method") if isinstance(value, dict) else None
    return replace(call, stream=method in _STREAMS)


def _inner(
    values: list[Json], messages: tuple[Message, ...], server: str | None
) -> tuple[Recognised, ...]:
    """Read a batch's messages one by one, as each would be judged alone."""
    return tuple(
        Recognised(
            operation_of(value),
            read_value(value, server),
            strict_json.dump(value),
            name=f"message {at + 1} of the batch",
            pointer=message.pointer,
            server=server,
        )
        for at, (value, message) in enumerate(zip(values, messages, strict=True))
    )


def check_headers(request: HttpRequest, messages: tuple[Message, ...]) -> None:
    """Refuse headers that tell another call than the body: who routes by them sees that one."""
    params = [name for name, _ in request.headers if name.lower().startswith(_PARAM)]
    names = [name for name in (_METHOD, _NAME) if request.header(name) is not None]
    if not (params or names or request.header(_VERSION)):
        return
    if (params or names) and len(messages) != 1:
        raise schema_violation("a batch has no Mcp-Method, Mcp-Name or Mcp-Param headers")
    message = messages[0]
    _check(request, _METHOD, message.method)
    named_by = _NAMED_BY.get(message.method)
    if named_by is not None:
        _check(request, _NAME, message.params.get(named_by))
    _check_version(request, messages)
    told = {*_scalars(message.params.get("arguments"))}
    for name in params:
        if _plain(request.header(name.lower()) or "") not in told:
            raise schema_violation("an Mcp-Param header has a value that no argument has")


def _check(request: HttpRequest, name: str, told: Json) -> None:
    given = request.header(name)
    if given is not None and _plain(given) != told:
        raise schema_violation(f"the header {name.title()} says something else than the body")


def _check_version(request: HttpRequest, messages: tuple[Message, ...]) -> None:
    given = request.header(_VERSION)
    for message in messages:
        meta = message.params.get("_meta")
        told = meta.get(_META_VERSION) if isinstance(meta, dict) else None
        if told is not None and given is not None and told != given:
            raise schema_violation(
                "the header Mcp-Protocol-Version says something else than the body"
            )


def _plain(value: str) -> str:
    """Decode a header's value, which is base64 where it isn't plain ASCII."""
    if not (value.startswith(_CODED) and value.endswith(_END)):
        return value
    try:
        return base64.b64decode(value[len(_CODED) : -len(_END)], validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise schema_violation("an Mcp header has base64 that can't be read") from None


def _scalars(value: Json) -> Iterator[str]:
    """Yield every string, number and flag below a value, as a header has it."""
    if isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, str | int | float):
        yield str(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _scalars(item)
