"""What is told of a message to an MCP server: which method of which tool, and how that ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .exchange import Exchange

_VERSION = "mcp-protocol-version"
_META_VERSION = "io.modelcontextprotocol/protocolVersion"
_SESSION = "mcp-session-id"

type Name = Callable[[str | None], str | None]
"""Returns a name as it may be told."""


def mcp_facts(exchange: Exchange, name: Name) -> dict[str, Any]:
    """Put together what is told of a message; a batch, or a request without one, has no method.

    Neither arguments nor the addresses of resources: those are content.
    """
    request, answer = exchange.request, exchange.progress.answer
    body = exchange.progress.call.body
    message = body if isinstance(body, dict) else {}
    params = message.get("params")
    params = params if isinstance(params, dict) else {}
    method, said, given = message.get("method"), params.get("name"), message.get("id")
    ends = answer.finish_reasons if answer is not None else ()
    return {
        "method": name(method) if isinstance(method, str) else None,
        "name": name(said) if isinstance(said, str) else None,
        "requestId": name(str(given)) if isinstance(given, str | int) else None,
        "session": name(request.header(_SESSION)),
        "version": name(_version(request.header(_VERSION), params)),
        "errorCode": answer.error_code if answer is not None else None,
        "failed": "error" in ends,
        "toolFailed": "tool_error" in ends,
    }


def _version(header: str | None, params: dict[str, Any]) -> str | None:
    """Return the protocol's version: each message's, or the one that a session begins with."""
    meta = params.get("_meta")
    told = meta.get(_META_VERSION) if isinstance(meta, dict) else params.get("protocolVersion")
    return header if header is not None or not isinstance(told, str) else told
