"""Chat completions as OpenAI's API answers them, in one piece or as a stream of events.

Shapes: OpenAI's API description, `CreateChatCompletionResponse` and
`CreateChatCompletionStreamResponse`.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from support.wire import Recorded, Reply

DONE = b"data: [DONE]\n\n"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model makes: `arguments` is JSON text, sent as it is."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Turn:
    """The model's words: text, tool calls or both; `finish_reason` follows from them."""

    text: str = "Hello from the upstream."
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None

    @property
    def finish_reason(self) -> str:
        """Return `tool_calls` or `stop`."""
        return "tool_calls" if self.tool_calls else "stop"


def reply_to_chat(request: Recorded, *turns: Turn) -> Reply:
    """Answer a chat completions request, streaming if it asks to.

    With fewer turns than its `n`, the last one is repeated; with none, the model greets, or calls
    the function that `tool_choice` names or requires.
    """
    asked = request.json()
    choices = _choices(asked, turns or (_default_turn(asked),))
    if asked.get("stream"):
        return Reply.events(*stream_of(asked, choices), DONE)
    return Reply.json(completion_of(asked, choices))


def completion_of(asked: dict[str, Any], turns: tuple[Turn, ...]) -> dict[str, Any]:
    """Return a `chat.completion` object with one choice a turn."""
    return {
        **_envelope(asked, "chat.completion"),
        "choices": [
            {
                "index": index,
                "message": _message(turn),
                "logprobs": None,
                "finish_reason": turn.finish_reason,
            }
            for index, turn in enumerate(turns)
        ],
        "usage": _usage(asked, turns),
    }


def stream_of(asked: dict[str, Any], turns: tuple[Turn, ...]) -> Iterator[bytes]:
    """Yield the events of a stream, `[DONE]` excepted; choices are interleaved."""
    envelope = _envelope(asked, "chat.completion.chunk")
    with_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
    extra: dict[str, Any] = {"usage": None} if with_usage else {}
    deltas = [_deltas(turn) for turn in turns]
    for round_of_deltas in itertools.zip_longest(*deltas):
        for index, delta in enumerate(round_of_deltas):
            if delta is not None:
                yield event({**envelope, "choices": [_chunk(index, *delta)], **extra})
    if with_usage:
        yield event({**envelope, "choices": [], "usage": _usage(asked, turns)})


def event(value: object) -> bytes:
    """Return one server-sent event that carries a JSON value."""
    return b"data: %b\n\n" % json.dumps(value).encode()


def slices(text: str, size: int) -> list[str]:
    """Cut text as a model's tokens would, every so many characters."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def _choices(asked: dict[str, Any], turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    wanted = int(asked.get("n") or 1)
    return (*turns, *[turns[-1]] * wanted)[: max(wanted, 1)]


def _default_turn(asked: dict[str, Any]) -> Turn:
    names = [tool["function"]["name"] for tool in asked.get("tools") or [] if "function" in tool]
    match asked.get("tool_choice"):
        case {"function": {"name": str(name)}}:
            return Turn("", (ToolCall(name),))
        case "required" if names:
            return Turn("", (ToolCall(names[0]),))
    return Turn()


def _envelope(asked: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{next(_numbers):024d}",
        "object": kind,
        "created": int(time.time()),
        "model": asked.get("model"),
        "service_tier": "default",
        "system_fingerprint": "fp_0000000000",
    }


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": turn.text or None,
        "refusal": turn.refusal,
        "annotations": [],
    }
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "id": f"call_{next(_numbers):024d}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.tool_calls
        ]
    return message


def _deltas(turn: Turn) -> Iterator[tuple[dict[str, Any], str | None]]:
    yield {"role": "assistant", "content": "" if turn.text else None, "refusal": None}, None
    for part in slices(turn.text, 6):
        yield {"content": part}, None
    for index, call in enumerate(turn.tool_calls):
        opening = {
            "index": index,
            "id": f"call_{next(_numbers):024d}",
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield {"tool_calls": [opening]}, None
        for part in slices(call.arguments, 8):
            yield {"tool_calls": [{"index": index, "function": {"arguments": part}}]}, None
    yield {}, turn.finish_reason


def _chunk(index: int, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _usage(asked: dict[str, Any], turns: tuple[Turn, ...]) -> dict[str, int]:
    # A token is about four characters.
    prompt = len(json.dumps(asked.get("messages"))) // 4
    completion = sum(
        len(turn.text) + sum(len(call.name + call.arguments) for call in turn.tool_calls)
        for turn in turns
    )
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion // 4,
        "total_tokens": prompt + completion // 4,
    }
