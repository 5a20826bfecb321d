"""Answers that the AI SDK's packages keep for their tests: `*.json`, and streams.

They have no requests, so each is the answer to a small one of its provider. A stream's file
(`*.chunks.txt`) has the data of one event in each line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorded.recording import Recording, Unreadable

_CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hello."}]}
_GOOGLE = {
    "contents": [{"role": "user", "parts": [{"text": "Hello."}]}],
    "toolConfig": {"functionCallingConfig": {"streamFunctionCallArguments": True}},
}
_BEDROCK = {"messages": [{"role": "user", "content": [{"text": "Hello."}]}]}
_RESPONSE = {"model": "m", "input": "Hello."}
_RERANK = {"model": "m", "query": "Hello.", "documents": ["Hello.", "Goodbye."]}
_GEMINI = "/v1beta/models/m"
_BEGINNINGS = ("message_start", "response.created")


@dataclass(frozen=True, slots=True)
class Api:
    """The way in which a folder's answers were asked for; None where it has none for streams."""

    path: str
    body: dict[str, Any]
    stream_path: str | None = ""
    names_events: bool = False
    """Whether a stream's events have their type beside their data."""


_APIS = {
    "anthropic/src": Api("/v1/messages", {**_CHAT, "max_tokens": 9}, names_events=True),
    "openai/src/chat": Api("/v1/chat/completions", _CHAT),
    "openai/src/completion": Api("/v1/completions", {"model": "m", "prompt": "Hello."}),
    "openai/src/embedding": Api("/v1/embeddings", {"model": "m", "input": "Hello."}),
    "openai/src/responses": Api("/v1/responses", _RESPONSE, names_events=True),
    "open-responses/src/responses": Api("/v1/responses", _RESPONSE, names_events=True),
    "azure/src": Api("/openai/v1/responses", _RESPONSE, names_events=True),
    "xai/src/responses": Api("/v1/responses", _RESPONSE, names_events=True),
    "xai/src": Api("/v1/chat/completions", _CHAT),
    "openai-compatible/src/chat": Api("/v1/chat/completions", _CHAT),
    "alibaba/src": Api("/compatible-mode/v1/chat/completions", _CHAT),
    "deepseek/src/chat": Api("/chat/completions", _CHAT),
    "groq/src": Api("/openai/v1/chat/completions", _CHAT),
    "mistral/src": Api("/v1/chat/completions", _CHAT),
    "moonshotai/src": Api("/v1/chat/completions", _CHAT),
    "perplexity/src": Api("/chat/completions", _CHAT),
    "cohere/src": Api("/v2/chat", _CHAT, names_events=True),
    "google/src": Api(
        f"{_GEMINI}:generateContent", _GOOGLE, f"{_GEMINI}:streamGenerateContent?alt=sse"
    ),
    "google/src/interactions": Api("/v1beta/interactions", _RESPONSE, names_events=True),
    "google-vertex/src": Api(
        "/v1/projects/p/locations/l/publishers/google/models/m:predict",
        {"instances": [{"content": "Hello."}]},
    ),
    "openai/src/image": Api("/v1/images/generations", {"model": "m", "prompt": "A cat."}),
    "cohere/src/reranking": Api("/v2/rerank", _RERANK),
    "togetherai/src/reranking": Api("/v1/rerank", _RERANK),
    "voyage/src": Api("/v1/embeddings", {"model": "m", "input": "Hello."}),
    "voyage/src/reranking": Api("/v1/rerank", _RERANK),
    # Its streams are frames of bytes, of which the fixtures keep no more than the JSON in them.
    "amazon-bedrock/src": Api("/model/m/converse", _BEDROCK, None),
}


def read_fixture(file: Path) -> Iterator[Recording]:
    """Yield the answers that a file holds: several where its stream begins more than once.

    Raises:
        Unreadable: a folder's API isn't known here, or a line is no JSON.
    """
    package, _, folder = file.parent.parent.as_posix().rpartition("/packages/")[2].partition("/")
    api = _APIS.get(f"{package}/{folder}")
    if api is None or "transcription" in file.name:
        raise Unreadable(f"{file}: no API is known for `{package}/{folder}`")
    if file.suffix == ".json":
        yield _recording(package, file, api, api.path, api.body, file.read_bytes())
        return
    if api.stream_path is None:
        raise Unreadable(f"{file}: a stream of frames, of which only the JSON was kept")
    path = api.stream_path or api.path
    body = api.body if api.stream_path else {**api.body, "stream": True}
    for events in _streams(file):
        answer = b"".join(_event(kind if api.names_events else "", line) for kind, line in events)
        if "chat/completions" in path:
            answer += b"data: [DONE]\n\n"
        yield _recording(package, file, api, path, body, answer)


def _streams(file: Path) -> Iterator[list[tuple[str, str]]]:
    """Part a file at each event with which an answer begins; an event is its type and its line."""
    events: list[tuple[str, str]] = []
    for line in filter(None, file.read_text("utf-8").split("\n")):
        kind = _type_of(line)
        if events and kind in _BEGINNINGS:
            yield events
            events = []
        events.append((kind, line))
    yield events


def _event(name: str, line: str) -> bytes:
    return (f"event: {name}\n" if name else "").encode() + f"data: {line}\n\n".encode()


def _type_of(line: str) -> str:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise Unreadable(f"a line that is no JSON: {line[:60]}") from error
    return str(value.get("type", "")) if isinstance(value, dict) else ""


def _recording(
    package: str, file: Path, api: Api, path: str, body: dict[str, Any], answer: bytes
) -> Recording:
    kind = "application/json" if file.suffix == ".json" else "text/event-stream"
    return Recording(
        provider=package,
        name=file.name,
        method="POST",
        path=path,
        headers=(("content-type", "application/json"), ("authorization", "Bearer any")),
        body=json.dumps(body).encode(),
        status=200,
        answer_headers=(("content-type", kind),),
        answer=answer,
    )
