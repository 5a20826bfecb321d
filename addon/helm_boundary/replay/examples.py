"""Calls to evaluate a policy with, one for each dialect: an agent that may look something up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helm_boundary.calls.call import HttpRequest, HttpResponse
from helm_boundary.calls.hosts import DEFAULT_HOSTS, parse_host_pattern
from helm_boundary.evaluation.document import Context, state_call, state_request, state_response
from helm_boundary.matching.matcher import Matcher
from helm_boundary.parsing.requests import read_call, recognise
from helm_boundary.parsing.responses import read_answer

MAX_BODY = 1 << 20
NOW_NS = 1_767_603_600_000_000_000  # 2026-01-05, a Monday, at nine
ID = "00000000-0000-4000-8000-000000000000"
ASKED = "What is the weather in Oslo?"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
ARGUMENTS = {"city": "Oslo"}
TOOL = {"name": "get_weather", "description": "Tells the weather.", "parameters": SCHEMA}
WRITTEN = json.dumps(ARGUMENTS)
SAID = [{"role": "user", "content": ASKED}]
CALLED = {"function": {"name": TOOL["name"], "arguments": WRITTEN}}


@dataclass(frozen=True, slots=True)
class Example:
    """A call: where it goes, and the bodies of its request and its response."""

    host: str
    path: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]

    def document(self, phase: str) -> bytes:
        """Return the document of a phase: request or response."""
        request = HttpRequest(
            method="POST",
            scheme="https",
            host=self.host,
            port=443,
            path=self.path,
            query="",
            headers=(("content-type", "application/json"), ("user-agent", "example/1")),
            body=json.dumps(self.request).encode(),
            flow_id=ID,
            client_address="127.0.0.1",
            principal="alice",
        )
        matcher = Matcher([parse_host_pattern(host) for host in DEFAULT_HOSTS])
        operation = recognise(matcher, request, MAX_BODY)
        if operation is None:
            raise ValueError(f"{self.host}{self.path} is no call")
        read = read_call(request, operation, MAX_BODY)
        shared = state_call(
            request, read.operation, read.call, read.body, mode="enforce", key_id=None
        )
        context = Context(NOW_NS, ID, ID)
        if phase == "request":
            return state_request(shared, [], context)
        body = json.dumps(self.response).encode()
        response = HttpResponse(200, (("content-type", "application/json"),), body)
        answer = read_answer(read.operation, response, MAX_BODY, read.call).answer
        return state_response(shared, answer, [], context)


def _openai(path: str, request: Mapping[str, Any], response: Mapping[str, Any]) -> Example:
    model = {"model": "gpt-4.1-mini"}
    return Example("api.openai.com", path, model | dict(request), model | dict(response))


EXAMPLES: Mapping[str, Example] = {
    "chat": _openai(
        "/v1/chat/completions",
        {"messages": SAID, "tools": [{"type": "function", "function": TOOL}]},
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"id": "call_1", "type": "function", **CALLED}],
                    },
                }
            ],
            "usage": {"prompt_tokens": 40, "completion_tokens": 12, "total_tokens": 52},
        },
    ),
    "responses": _openai(
        "/v1/responses",
        {"input": ASKED, "tools": [{"type": "function", **TOOL}]},
        {
            "id": "resp_1",
            "object": "response",
            "status": "completed",
            "output": [
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "call_1",
                    "name": TOOL["name"],
                    "arguments": WRITTEN,
                    "status": "completed",
                }
            ],
            "usage": {"input_tokens": 40, "output_tokens": 12, "total_tokens": 52},
        },
    ),
    "completions": _openai(
        "/v1/completions",
        {"prompt": ASKED},
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "choices": [{"index": 0, "text": "Rain.", "finish_reason": "stop"}],
        },
    ),
    "messages": Example(
        "api.anthropic.com",
        "/v1/messages",
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 500,
            "messages": SAID,
            "tools": [{"name": TOOL["name"], "input_schema": SCHEMA}],
        },
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [
                {"type": "tool_use", "id": "toolu_1", "name": TOOL["name"], "input": ARGUMENTS}
            ],
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": 40, "output_tokens": 12},
        },
    ),
    "gemini": Example(
        "generativelanguage.googleapis.com",
        "/v1beta/models/gemini-2.5-flash:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": ASKED}]}],
            "tools": [{"functionDeclarations": [TOOL]}],
        },
        {
            "candidates": [
                {
                    "index": 0,
                    "finishReason": "STOP",
                    "content": {
                        "role": "model",
                        "parts": [{"functionCall": {"name": TOOL["name"], "args": ARGUMENTS}}],
                    },
                }
            ],
            "usageMetadata": {"promptTokenCount": 40, "candidatesTokenCount": 12},
        },
    ),
}
