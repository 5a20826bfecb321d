"""Answers of providers' own APIs, whole and streamed: a call of the tool that the request names.

Each is written after the provider's reference, and read back by the provider's own SDK.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from support.wire import Recorded, Reply

ARGUMENTS = {"city": "Oslo"}
WORDS = json.dumps(ARGUMENTS)


def answer(request: Recorded) -> Reply:
    """Answer any of them, as its path asks."""
    path, body = request.path.partition("?")[0], json.loads(request.body)
    if path.endswith(_CHATS):
        name = "forbidden" if b"forbidden" in request.body else "look"
        is_named = not path.endswith("/invocations")
        return _chat(name, body.get("stream") is True or path.endswith("_stream"), is_named)
    name = "forbidden" if b"forbidden" in request.body else "look"
    if path.endswith("/conversations"):
        return _mistral(name, bool(body.get("stream")))
    if path.endswith("/fim/completions"):
        return _fim(name, bool(body.get("stream")))
    if "generateContent" in path or "GenerateContent" in path:
        return _gemini(name, "stream" in path)
    if path.endswith("/api/chat"):
        return _ollama(name, body.get("stream") is not False)
    if path.endswith("/v2/chat"):
        return _cohere(name, bool(body.get("stream")))
    if "/services/aigc/" in path:
        return _dashscope(name, request.header("x-dashscope-sse") == "enable")
    return _anthropic(name, ":streamRawPredict" in path)


_CHATS = ("/text/chat", "/text/chat_stream", "/invocations", "/chat/completions")


def _events(values: Sequence[dict[str, Any]], *, named: bool = False, end: bytes = b"") -> Reply:
    lines = [
        (f"event: {value['type']}\n" if named else "") + f"data: {json.dumps(value)}\n\n"
        for value in values
    ]
    return Reply.events(*(line.encode() for line in lines), *([end] if end else []))


def _mistral(name: str, stream: bool) -> Reply:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    if not stream:
        call = {"object": "entry", "type": "function.call", "id": "fc_1", "tool_call_id": "c1",
                "name": name, "arguments": WORDS}  # fmt: skip
        return Reply.json({"object": "conversation.response", "conversation_id": "conv_1",
                           "outputs": [call], "usage": usage})  # fmt: skip
    piece = {"type": "function.call.delta", "id": "fc_1", "tool_call_id": "c1", "name": name,
             "output_index": 0}  # fmt: skip
    return _events(
        [
            {"type": "conversation.response.started", "conversation_id": "conv_1"},
            *({**piece, "arguments": part} for part in (WORDS[:5], WORDS[5:])),
            {"type": "conversation.response.done", "usage": usage},
        ],
        named=True,
    )


def _fim(name: str, stream: bool) -> Reply:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    whole = {"id": "f", "object": "chat.completion", "created": 1, "model": "mistral-small"}
    if not stream:
        choice = {"index": 0, "message": {"role": "assistant", "content": name},
                  "finish_reason": "stop"}  # fmt: skip
        return Reply.json({**whole, "choices": [choice], "usage": usage})
    delta = {"index": 0, "delta": {"role": "assistant", "content": name}, "finish_reason": "stop"}
    event = {**whole, "object": "chat.completion.chunk", "choices": [delta], "usage": usage}
    return _events([event], end=b"data: [DONE]\n\n")


def _chat(name: str, stream: bool, is_named: bool) -> Reply:
    """Answer as watsonx.ai and Databricks do, whose answers are a chat completion's.

    Databricks' events have no names: MLflow's client reads nothing else than data.
    """
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    known = {"id": "c", "created": 1, "model": "m", "model_id": "m"}
    call = {"id": "t", "type": "function", "function": {"name": name, "arguments": WORDS}}
    if not stream:
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return Reply.json({**known, "choices": [choice], "usage": usage})

    def chunk(delta: dict[str, Any], reason: str | None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        told = json.dumps({**known, "choices": [choice], **more})
        return f"{'id: 1\nevent: message\n' if is_named else ''}data: {told}\n\n".encode()

    begun = {"index": 0, **call, "function": {"name": name, "arguments": ""}}
    pieces = ({"index": 0, "function": {"arguments": part}} for part in (WORDS[:5], WORDS[5:]))
    return Reply.events(
        chunk({"role": "assistant", "tool_calls": [begun]}, None),
        *(chunk({"tool_calls": [each]}, None) for each in pieces),
        chunk({}, "tool_calls", usage=usage),
    )


def _gemini(name: str, stream: bool) -> Reply:
    part = {"functionCall": {"name": name, "args": ARGUMENTS}}
    candidate = {"content": {"role": "model", "parts": [part]}, "index": 0, "finishReason": "STOP"}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
    value = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"}
    return _events([value]) if stream else Reply.json(value)


def _ollama(name: str, stream: bool) -> Reply:
    call = {"function": {"name": name, "arguments": ARGUMENTS}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    known = {"model": "llama3", "created_at": "2026-01-01T00:00:00Z"}
    end = {**known, "message": {"role": "assistant", "content": ""}, "done": True,
           "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2}  # fmt: skip
    if not stream:
        return Reply.json({**end, "message": message})
    lines = [json.dumps(each).encode() + b"\n"
             for each in ({**known, "message": message, "done": False}, end)]  # fmt: skip
    return Reply(200, (("content-type", "application/x-ndjson"),), tuple(lines))


def _cohere(name: str, stream: bool) -> Reply:
    used = {"tokens": {"input_tokens": 5, "output_tokens": 2}}
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": WORDS}}
    if not stream:
        message = {"role": "assistant", "tool_calls": [call], "tool_plan": "I look."}
        return Reply.json({"id": "a", "finish_reason": "TOOL_CALL", "message": message,
                           "usage": used})  # fmt: skip
    begun = {**call, "function": {"name": name, "arguments": ""}}

    def told(kind: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, **more}

    pieces = ({"function": {"arguments": part}} for part in (WORDS[:5], WORDS[5:]))
    return _events(
        [
            told("message-start", id="a", delta={"message": {"role": "assistant"}}),
            told("tool-call-start", index=0, delta={"message": {"tool_calls": begun}}),
            *(told("tool-call-delta", index=0, delta={"message": {"tool_calls": each}})
              for each in pieces),
            told("tool-call-end", index=0),
            told("message-end", delta={"finish_reason": "TOOL_CALL", "usage": used}),
        ],
        named=True,
    )  # fmt: skip


def _dashscope(name: str, stream: bool) -> Reply:
    def value(words: str, named: str, reason: str, tokens: int) -> dict[str, Any]:
        call = {"index": 0, "id": "c" if named else "", "type": "function",
                "function": {"name": named, "arguments": words}}  # fmt: skip
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
        usage = {"input_tokens": 5, "output_tokens": tokens, "total_tokens": 5 + tokens}
        output = {"choices": [{"message": message, "finish_reason": reason}]}
        return {"output": output, "usage": usage, "request_id": "r"}

    if not stream:
        return Reply.json(value(WORDS, name, "tool_calls", 2))
    steps = [value(WORDS[:5], name, "null", 1), value(WORDS[5:], "", "tool_calls", 2)]
    lines = [f"id:{at}\nevent:result\n:HTTP_STATUS/200\ndata:{json.dumps(each)}\n\n".encode()
             for at, each in enumerate(steps)]  # fmt: skip
    return Reply.events(*lines)


def _anthropic(name: str, stream: bool) -> Reply:
    usage = {"input_tokens": 5, "output_tokens": 2}
    message: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant"}
    message |= {"model": "claude-sonnet-4-5", "content": [], "stop_reason": None}
    message |= {"stop_sequence": None, "usage": usage}
    block = {"type": "tool_use", "id": "t", "name": name, "input": {}}
    if not stream:
        block |= {"input": ARGUMENTS}
        return Reply.json({**message, "content": [block], "stop_reason": "tool_use"})
    pieces = ({"type": "input_json_delta", "partial_json": part} for part in (WORDS[:5], WORDS[5:]))
    return _events(
        [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            *({"type": "content_block_delta", "index": 0, "delta": each} for each in pieces),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": usage},
            {"type": "message_stop"},
        ],
        named=True,
    )


def words(request: Recorded, said: str) -> Reply:
    """Answer any of them with these words, whole."""
    path, body = request.path.partition("?")[0], json.loads(request.body)
    message: dict[str, Any] = {"role": "assistant", "content": said}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    if path.endswith("/conversations"):
        output = {"object": "entry", "type": "message.output", "id": "m", **message}
        return Reply.json({"object": "conversation.response", "conversation_id": "conv_1",
                           "outputs": [output], "usage": {}})  # fmt: skip
    if "generateContent" in path:
        content = {"role": "model", "parts": [{"text": said}]}
        return Reply.json({"candidates": [{"content": content, "finishReason": "STOP"}]})
    if path.endswith("/api/chat"):
        return Reply.json({"model": body["model"], "created_at": "2026-01-01T00:00:00Z",
                           "message": message, "done": True, "done_reason": "stop"})  # fmt: skip
    if path.endswith("/v2/chat"):
        content = {**message, "content": [{"type": "text", "text": said}]}
        return Reply.json({"id": "a", "finish_reason": "COMPLETE", "message": content})
    if "/services/aigc/" in path:
        return Reply.json({"output": {"choices": [choice]}, "usage": {}, "request_id": "r"})
    if path.endswith("/converse"):
        content = {"role": "assistant", "content": [{"text": said}]}
        return Reply.json({"output": {"message": content}, "stopReason": "end_turn",
                           "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
                           "metrics": {"latencyMs": 1}})  # fmt: skip
    if path.endswith(":rawPredict"):
        block = {"type": "text", "text": said}
        return Reply.json({"id": "m", "type": "message", **message, "model": "claude",
                           "content": [block], "stop_reason": "end_turn",
                           "usage": {"input_tokens": 1, "output_tokens": 1}})  # fmt: skip
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return Reply.json({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                       "choices": [choice], "usage": usage})  # fmt: skip
