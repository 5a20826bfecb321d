"""Bytes that are much work for their size: requests, answers, streams and messages of a socket."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.chats import ENVELOPE, MODEL, USAGE, WORDS

MEGABYTE = 1_000_000
CHAT = "/v1/chat/completions"
_SMALL = {"model": MODEL, "messages": [{"role": "user", "content": "Hello."}]}


@dataclass(frozen=True, slots=True)
class Work:
    """What is sent of a case, and what it is answered: pieces, each written by itself.

    `megabytes` is the size after decoding; `path` begins with `ws:` for a WebSocket.
    """

    megabytes: float
    request: bytes
    path: str = CHAT
    headers: str = "Content-Type: application/json\r\n"
    answer: tuple[bytes, ...] = ()


def asked(value: object) -> Work:
    """Return a request with that body, answered by a small chat completion."""
    body = _text(value)
    return Work(len(body) / MEGABYTE, body)


def _messages(texts: Iterator[str]) -> Work:
    return asked({"model": MODEL, "messages": [{"role": "user", "content": t} for t in texts]})


def _coded(value: object) -> Work:
    body = _text(value)
    headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
    return Work(len(body) / MEGABYTE, gzip.compress(body, 1), headers=headers)


def _form(parts: int) -> Work:
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n%b\r\n' % (n, WORDS.encode())
        for n in range(parts)
    )
    headers = "Content-Type: multipart/form-data; boundary=b\r\n"
    return Work(len(body) / MEGABYTE, body + b"--b--\r\n", "/v1/files", headers)


def _answered(body: bytes, headers: str = "", decoded: int = 0) -> Work:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}"
    whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    return Work((decoded or len(body)) / MEGABYTE, _text(_SMALL), answer=(whole,))


def completion(text: str) -> bytes:
    """Return a whole chat completion that says that text."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    value = {**ENVELOPE, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    return _text(value)


def _streamed(pieces: list[bytes], path: str = CHAT) -> Work:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    request = _text({**_SMALL, "stream": True, "max_tokens": 9})
    size = sum(map(len, pieces)) / MEGABYTE
    return Work(size, request, path, answer=(head, *pieces))


def _lines(line: bytes) -> Work:
    return _streamed([line * (2 * MEGABYTE // len(line)) + _chat_delta({"content": "x"}) + _DONE])


def _chat_delta(delta: dict[str, object], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    value = {**ENVELOPE, "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + _text(value) + b"\n\n"


def _one_event() -> Work:
    event = _chat_delta({"content": "x" * 5 * MEGABYTE})
    cut = [event[at : at + 1000] for at in range(0, len(event), 1000)]
    return _streamed([*cut, _chat_delta({}, "stop") + _DONE])


def _arguments() -> Work:
    start = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a":"'}}
    piece = {"index": 0, "function": {"arguments": "word word "}}
    deltas = [_chat_delta({"tool_calls": [d]}) for d in (start, *[piece] * 20_000)]
    end = {"index": 0, "function": {"arguments": '"}'}}
    deltas.append(_chat_delta({"tool_calls": [end]}) + _chat_delta({}, "tool_calls") + _DONE)
    return _streamed(deltas)


def _thousand_calls() -> Work:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": MODEL, "content": []}
    events = [_told("message_start", message={**message, "usage": usage})]
    events += _block(0, {"type": "text", "text": ""}, "text_delta", "text", [WORDS * 12] * 1_000)
    for at in range(1, 1_001):
        tool = {"type": "tool_use", "id": f"t{at}", "name": "look", "input": {}}
        events += _block(at, tool, "input_json_delta", "partial_json", [f'{{"a": {at}}}'])
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append(_told("message_delta", delta=stop, usage={"output_tokens": 1}))
    return _streamed([*events, _told("message_stop")], "/v1/messages")


def _block(
    index: int, start: Mapping[str, object], kind: str, key: str, told: list[str]
) -> list[bytes]:
    return [
        _told("content_block_start", index=index, content_block=start),
        *(_told("content_block_delta", index=index, delta={"type": kind, key: t}) for t in told),
        _told("content_block_stop", index=index),
    ]


def _told(kind: str, **members: object) -> bytes:
    return f"event: {kind}\ndata: ".encode() + _text({"type": kind, **members}) + b"\n\n"


def _fragments(count: int) -> Work:
    """Return one message of a client in so many frames of one byte, and the end of the session."""
    text = _text({"type": "response.create", "response": {"instructions": "x" * count}})
    frames = [b"\x01\x81\0\0\0\0" + text[:1]]
    frames += [b"\x00\x81\0\0\0\0%c" % byte for byte in text[1:-1]]
    frames.append(b"\x80\x81\0\0\0\0" + text[-1:])
    return Work(7 * len(text) / MEGABYTE, b"".join(frames), f"ws:/v1/realtime?model={MODEL}")


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _deep() -> str:
    return "[" * 85 + '"deep"' + "]" * 85


_DONE = b"data: [DONE]\n\n"
_LONG = WORDS * (30 * MEGABYTE // len(WORDS))
_URI = "data:text/plain;base64," + base64.b64encode(WORDS.encode()).decode()

CASES: dict[str, Callable[[], Work]] = {
    "nothing else, for comparison": lambda: asked(_SMALL),
    "request: one string of 30 MB": lambda: _messages(iter([_LONG])),
    "request: 100,000 small texts": lambda: _messages(
        f"Number {n}, hello." for n in range(100_000)
    ),
    "request: a conversation of 16 MB": lambda: _messages(WORDS * 48 for _ in range(4_000)),
    "request: 1 MB of base64 in data: strings": lambda: _messages(_URI for _ in range(5_500)),
    "request: deep nesting, 1 MB": lambda: asked(
        {**_SMALL, "metadata": [json.loads(_deep()) for _ in range(5_600)]}
    ),
    "request: a member's name of 4 MB": lambda: asked(
        {**_SMALL, "metadata": {_LONG[: 4 * MEGABYTE]: 1}}
    ),
    "request: 40,000 members with long names": lambda: asked(
        {**_SMALL, "metadata": {f"{WORDS} {n}": n for n in range(40_000)}}
    ),
    "request: 20 MB in gzip": lambda: _coded(
        {"model": MODEL, "messages": [{"role": "user", "content": _LONG[: 20 * MEGABYTE]}]}
    ),
    "request: a form of 900 parts": lambda: _form(900),
    "request: a form of 10,000 parts": lambda: _form(10_000),
    "answer: one string of 30 MB": lambda: _answered(completion(_LONG)),
    "answer: 20 MB in gzip": lambda: _answered(
        gzip.compress(completion(_LONG[: 20 * MEGABYTE]), 1),
        "Content-Encoding: gzip\r\n",
        20 * MEGABYTE,
    ),
    "stream: 2 MB of LF": lambda: _lines(b"\n"),
    "stream: 2 MB of CR": lambda: _lines(b"\r"),
    "stream: 2 MB of CRLF": lambda: _lines(b"\r\n"),
    "stream: 2 MB of empty comments": lambda: _lines(b":\n\n"),
    "stream: 2 MB of empty data": lambda: _lines(b"data:\n\n"),
    "stream: one event of 5 MB in small chunks": _one_event,
    "stream: a call's arguments in 20,000 deltas": _arguments,
    "stream: 1 MB of text and 1,000 tool calls": _thousand_calls,
    "socket: a message in 100,000 fragments": lambda: _fragments(100_000),
}
