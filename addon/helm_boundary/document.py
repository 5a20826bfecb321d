"""The input document: what policy sees of a call (`helm.input/v1`, `policies/input.schema.json`).

A call is judged once as a request and once or more as a response; what doesn't change between
the two is written once, as JSON text, and only the rest is added. Credentials are never in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .call import (
    Answer,
    Attachment,
    Call,
    HttpRequest,
    Json,
    Message,
    Operation,
    Text,
    Tool,
    ToolCall,
)
from .detectors import Finding
from .hosts import provider_of

SCHEMA = "helm.input/v1"

HEADERS = frozenset(
    {
        "accept",
        "anthropic-beta",
        "anthropic-version",
        "content-encoding",
        "content-type",
        "openai-beta",
        "openai-organization",
        "openai-project",
        "user-agent",
    }
)
"""The request headers that policy may see; none of them carries a credential."""


@dataclass(frozen=True, slots=True)
class Context:
    """When and in which exchange a judgement happens; `approval` is a person's grant, or None."""

    now_ns: int
    flow_id: str
    correlation_id: str
    approval: Json = None


def state_call(
    request: HttpRequest,
    operation: Operation,
    call: Call,
    body: bytes,
    *,
    mode: str,
    key_id: str | None,
) -> bytes:
    """The part of the document that both phases share, as JSON text without its closing brace.

    `body` is the JSON text that `call` was read from, or empty; it is taken over as it is.
    """
    shared = {
        "schema": SCHEMA,
        "mode": mode,
        "operation": {
            "id": operation.id,
            "name": f"{operation.method} {operation.path}".strip(),
            "category": operation.category,
            "dialect": operation.dialect,
            "stream": call.stream,
        },
        "http": _http(request),
        "client": {
            "address": request.client_address,
            "principal": request.principal,
            "key_id": key_id,
        },
        "provider": provider_of(request.host),
        "model": call.model,
        "messages": [_message(message) for message in call.messages],
        "tools": [_tool(tool) for tool in call.tools],
        "tool_choice": call.tool_choice,
        "texts": [_text(text) for text in call.texts],
        "attachments": [_attachment(attachment) for attachment in call.attachments],
        "parameters": call.parameters,
    }
    return _json(shared)[:-1] + b',"body":' + (body or b"null")


def state_request(shared: bytes, findings: Sequence[Finding], context: Context) -> bytes:
    """The whole document of a request's judgement."""
    return shared + _phase("request", findings, context) + b"}"


def state_response(
    shared: bytes, answer: Answer, findings: Sequence[Finding], context: Context
) -> bytes:
    """The whole document of a response's judgement; its findings are those of the answer."""
    return shared + _phase("response", findings, context) + b',"response":' + _answer(answer) + b"}"


def _phase(phase: str, findings: Sequence[Finding], context: Context) -> bytes:
    rest = {
        "phase": phase,
        "findings": [_finding(finding) for finding in findings],
        "context": {
            "now": _rfc3339(context.now_ns),
            "now_ns": context.now_ns,
            "flow_id": context.flow_id,
            "correlation_id": context.correlation_id,
            "approval": context.approval,
        },
    }
    return b"," + _json(rest)[1:-1]


def _rfc3339(now_ns: int) -> str:
    seconds, nanoseconds = divmod(now_ns, 10**9)
    instant = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _http(request: HttpRequest) -> dict[str, Any]:
    seen = {key.lower(): value for key, value in request.headers if key.lower() in HEADERS}
    return {
        "method": request.method,
        "scheme": request.scheme,
        "host": request.host,
        "port": request.port,
        "path": request.path,
        "query": _query_names(request.query),
        "headers": seen,
    }


def _query_names(query: str) -> list[str]:
    # Values may be credentials (Gemini takes `?key=`), so only the names are shown.
    return sorted({pair.partition("=")[0] for pair in query.split("&") if pair})


def _message(message: Message) -> dict[str, Any]:
    return {
        "role": message.role,
        "text": message.text,
        "parts": message.parts,
        "tool_calls": [_tool_call(call) for call in message.tool_calls],
        "tool_call_id": message.tool_call_id,
        "name": message.name,
        "pointer": message.pointer,
    }


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "arguments_text": call.arguments_text,
        "valid_json": call.valid_json,
        "choice": call.choice,
        "pointer": call.pointer,
    }


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": tool.type,
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "pointer": tool.pointer,
    }


def _text(text: Text) -> dict[str, str]:
    return {"pointer": text.pointer, "role": text.role, "text": text.text}


def _attachment(attachment: Attachment) -> dict[str, Any]:
    return {
        "pointer": attachment.pointer,
        "kind": attachment.kind,
        "media_type": attachment.media_type,
        "host": attachment.host,
        "bytes": attachment.bytes,
        "sha256": attachment.sha256,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "detector": finding.detector,
        "pointer": finding.pointer,
        "start": finding.start,
        "end": finding.end,
    }


def _answer(answer: Answer) -> bytes:
    return _json(
        {
            "status": answer.status,
            "model": answer.model,
            "finish_reasons": answer.finish_reasons,
            "messages": [_message(message) for message in answer.messages],
            "texts": [_text(text) for text in answer.texts],
            "tool_calls": [_tool_call(call) for call in answer.tool_calls],
            "usage": {
                "input_tokens": answer.usage.input_tokens,
                "output_tokens": answer.usage.output_tokens,
            },
            "complete": answer.complete,
        }
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
