"""Documents that every policy must have a decision on before it goes live."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from helm_boundary.policy.errors import EngineError, PolicyError

if TYPE_CHECKING:
    from .engine import Engine


def self_test(engine: Engine) -> None:
    """Ask the engine about each sample; PolicyError if one has no decision.

    Which decision is the policy's own business.
    """
    for name, document in SAMPLES.items():
        try:
            engine.decide_now(json.dumps(document).encode())
        except EngineError as error:
            raise PolicyError(f"the policy has no decision on {name}: {error}") from None


def _document(phase: str, **changes: Any) -> Mapping[str, Any]:
    text = {"pointer": "/messages/0/content", "role": "user", "text": "Good morning!"}
    call = {"messages": [{"role": "user", "content": text["text"]}], "model": "gpt-4.1-mini"}
    message = {"role": "user", "text": text["text"], "parts": ["text"], "tool_calls": []}
    document: dict[str, Any] = {
        "schema": "helm.input/v1",
        "phase": phase,
        "mode": "enforce",
        "operation": {
            "id": "createChatCompletion",
            "name": "POST /chat/completions",
            "category": "inference",
            "dialect": "chat",
            "stream": False,
        },
        "http": {
            "method": "POST",
            "scheme": "https",
            "host": "api.openai.com",
            "port": 443,
            "path": "/v1/chat/completions",
            "query": [],
            "headers": {"content-type": "application/json"},
        },
        "client": {"address": "127.0.0.1", "principal": None, "key_id": None},
        "provider": "openai",
        "model": "gpt-4.1-mini",
        "models": ["gpt-4.1-mini"],
        "messages": [message | {"tool_call_id": None, "name": None, "pointer": "/messages/0"}],
        "tools": [],
        "tool_choice": None,
        "texts": [text],
        "findings": [],
        "budgets": [],
        "attachments": [],
        "parameters": {},
        "unclaimed": [],
        "body": call,
        "context": {
            "now": "2026-01-05T09:00:00Z",
            "now_ns": 1767603600000000000,
            "flow_id": "self-test",
            "correlation_id": "00000000-0000-4000-8000-000000000000",
            "session": None,
            "approval": None,
        },
    }
    return document | changes


def _response(**changes: Any) -> Mapping[str, Any]:
    return {
        "status": 200,
        "model": "gpt-4.1-mini",
        "finish_reasons": ["stop"],
        "messages": [],
        "texts": [],
        "tool_calls": [],
        "usage": {"input_tokens": 10, "output_tokens": 5},
        "complete": True,
    } | changes


_FINDINGS = [
    {"detector": detector, "pointer": "/messages/0/content", "start": 0, "end": 4}
    for detector in ("secret.sample", "personal.sample", "sample")
]
_TOOL_CALL = {
    "id": "call_1",
    "name": "sample",
    "arguments": {"path": "sample"},
    "arguments_text": '{"path": "sample"}',
    "valid_json": True,
    "choice": 0,
    "pointer": "/choices/0/message/tool_calls/0",
}
_UNKNOWN = {"id": "unknown", "name": "unknown", "category": "unknown", "dialect": "none"}

SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "a chat request": _document("request"),
    "a request with findings": _document("request", findings=_FINDINGS),
    "a request of an unknown operation": _document(
        "request", operation=_UNKNOWN | {"stream": False}, model=None, body=None
    ),
    "a response": _document("response", response=_response()),
    "a response with a tool call": _document(
        "response", response=_response(tool_calls=[_TOOL_CALL], finish_reasons=["tool_calls"])
    ),
    "a response with findings": _document(
        "response", findings=_FINDINGS, response=_response(status=500, model=None)
    ),
}
