"""The calls that are measured: chats of a given size, and the answers of a lean upstream."""

from __future__ import annotations

import json
from dataclasses import dataclass

WORDS = "The boundary asks the policy about every call before any of it leaves the machine. "
MODEL = "gpt-4o-mini"
ENVELOPE = {"id": "chatcmpl-0", "created": 1767225600, "model": MODEL}
USAGE = {"prompt_tokens": 200, "completion_tokens": 200, "total_tokens": 400}
EVENTS = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the comparison: how large the chat is, how it is answered, how many at once."""

    kilobytes: int
    stream: bool
    connections: int

    def __str__(self) -> str:
        kind = "SSE" if self.stream else "JSON"
        return f"{self.kilobytes} KB {kind}, c = {self.connections}"


CASES = tuple(
    Case(kilobytes, stream, connections)
    for stream in (False, True)
    for kilobytes in (1, 20)
    for connections in (1, 8)
)


def request(case: Case) -> bytes:
    """Return a chat completions request whose body has the case's size, head included."""
    body = _request_body(case, "")
    room = case.kilobytes * 1024 - len(body)
    body = _request_body(case, _text(room))
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: upstream.test\r\n"
        "Authorization: Bearer made-up\r\nContent-Type: application/json\r\n"
        f"Accept: */*\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def json_answer() -> bytes:
    """Return a whole answer of 1 KB, head included."""
    message = {"role": "assistant", "content": _text(700), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    value = {**ENVELOPE, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    body = json.dumps(value).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def stream_answer() -> list[bytes]:
    """Return what is written of a stream, one write after another: a head, then chunks."""
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"content": _text(40)} for _ in range(EVENTS - 2)]
    values = [_choice(delta, None) for delta in deltas] + [_choice({}, "stop")]
    envelope = {**ENVELOPE, "object": "chat.completion.chunk"}
    events = [_event({**envelope, "choices": [value]}) for value in values]
    chunks = [_chunk(event) for event in [*events, b"data: [DONE]\n\n"]]
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return [head + chunks[0], *chunks[1:], b"0\r\n\r\n"]


def _request_body(case: Case, text: str) -> bytes:
    messages = [
        {"role": "system", "content": "You are a terse assistant."},
        {"role": "user", "content": text},
    ]
    asked = {"model": MODEL, "messages": messages, "temperature": 0.2, "stream": case.stream}
    return json.dumps(asked, separators=(",", ":")).encode()


def _text(size: int) -> str:
    return (WORDS * (size // len(WORDS) + 1))[:size]


def _choice(delta: dict[str, str], finish_reason: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _event(value: object) -> bytes:
    return b"data: %b\n\n" % json.dumps(value).encode()


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)
