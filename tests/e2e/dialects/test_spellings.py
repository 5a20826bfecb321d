"""Streams as honest servers may write them leave as they came, and are judged all the same."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from support.boundary import Boundary
from support.frames import converse, frame
from support.native_apis import answer
from support.upstream import Framing, Recorded, Reply, Upstream

BOM = b"\xef\xbb\xbf"
SAID: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
MESSAGES = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": SAID}
VERTEX = "/v1/projects/p/locations/l/publishers"
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "ollama": ("/api/chat", {"model": "m", "messages": SAID}),
    "gemini": ("/v1beta/models/g:streamGenerateContent?alt=sse", GEMINI),
    "gemini on Vertex": (f"{VERTEX}/google/models/g:streamGenerateContent?alt=sse", GEMINI),
    "vertex": (f"{VERTEX}/anthropic/models/claude-x:streamRawPredict", MESSAGES),
    "cohere": ("/v2/chat", {"model": "m", "messages": SAID, "stream": True}),
    "mistral": ("/v1/conversations", {"model": "m", "inputs": "hi", "stream": True}),
    "databricks": ("/serving-endpoints/e/invocations", {"messages": SAID, "stream": True}),
    "watsonx": ("/ml/v1/text/chat_stream?version=2025-01-01", {"model_id": "m", "messages": SAID}),
    "dashscope": (
        "/api/v1/services/aigc/text-generation/generation",
        {"model": "m", "input": {"messages": SAID}, "parameters": {"result_format": "message"}},
    ),
}
type Spelling = Callable[[bytes], bytes]


def post(boundary: Boundary, path: str, body: dict[str, Any]) -> bytes:
    """Ask for a stream and return what came."""
    headers = {"x-dashscope-sse": "enable", "content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", path, json.dumps(body), headers)
        return connection.getresponse().read()


def pass_and_deny(
    boundary: Boundary,
    upstream: Upstream,
    asked: tuple[str, dict[str, Any]],
    written: Callable[[str], list[bytes]],
    content_type: str,
) -> None:
    """Assert that a stream with an allowed call leaves as it is, and nothing of a denied one."""
    for name in ("look", "rm_rf"):
        steps = written(name)
        reply = Reply(200, (("content-type", content_type),), tuple(steps), Framing.CHUNKED)
        upstream.answer(lambda _, reply=reply: reply)  # type: ignore[misc]
        heard = post(boundary, *asked)
        if name == "look":
            assert heard == b"".join(steps)
        assert b"rm_rf" not in heard
    assert b"denied this call" in heard


def stream_of(name: str, tool: str) -> bytes:
    """Return the stream that a provider's API answers."""
    path, body = ASKED[name]
    headers = (("x-dashscope-sse", "enable"),)
    reply = answer(Recorded("POST", path, headers, json.dumps(body).encode(), 1))
    told = b"".join(step for step in reply.steps if isinstance(step, bytes))
    return told.replace(b"look", tool.encode())


def each_line(before: bytes, after: bytes) -> Spelling:
    """Write lines of JSON with something around each."""
    return lambda told: b"".join(before + line + after for line in told.split(b"\n") if line)


def over_lines(told: bytes) -> bytes:
    """Write each event's data over several lines, behind a comment."""
    lines: list[bytes] = []
    for line in told.split(b"\n"):
        kind, _, data = line.partition(b":")
        if kind == b"data" and data.strip() != b"[DONE]":
            pretty = json.dumps(json.loads(data), indent=1).encode().split(b"\n")
            lines += [b": a comment", *(b"data:" + each for each in pretty)]
        else:
            lines.append(line)
    return b"\n".join(lines)


SPELLINGS: dict[str, Spelling] = {
    "no space": lambda told: told.replace(b"data: ", b"data:"),
    "CRLF": lambda told: told.replace(b"\n", b"\r\n"),
    "CR": lambda told: told.replace(b"\n", b"\r"),
    "byte order mark": lambda told: BOM + told,
    "several lines": over_lines,
    "comments": lambda told: b":\n\n" + told.replace(b"\n\n", b"\n\n: here\n\n\n"),
    "no empty line at the end": lambda told: told.rstrip(b"\n") + b"\n",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_events_are_spelt_in_many_ways(
    boundary: Boundary, upstream: Upstream, spelling: str
) -> None:
    """The standard leaves servers all of these (WHATWG HTML, section 9.2.5), in any dialect."""
    for name in ASKED.keys() - {"ollama"}:

        def written(tool: str, name: str = name) -> list[bytes]:
            told = SPELLINGS[spelling](stream_of(name, tool))
            return [told[:100], told[100:]]

        pass_and_deny(boundary, upstream, ASKED[name], written, "text/event-stream;charset=UTF-8")


@pytest.mark.parametrize(
    ("spelling", "content_type"),
    [
        (each_line(b"  ", b"\n"), "application/x-ndjson"),
        (each_line(b"\t", b" \r\n"), "application/x-ndjson; charset=utf-8"),
        (each_line(b"\n \n", b"\r\n\r\n"), "application/ndjson"),
        (lambda told: BOM + b" " + told.rstrip(b"\n"), "application/x-ndjson"),
        (lambda told: told, "application/json"),
        (lambda told: told, "text/plain"),
    ],
    ids=["indented", "CRLF", "empty lines", "byte order mark", "as JSON", "as text"],
)
def test_lines_of_json_may_have_blanks_around(
    boundary: Boundary, upstream: Upstream, spelling: Spelling, content_type: str
) -> None:
    """Ollama's clients skip them, as JSON has it."""

    def written(tool: str) -> list[bytes]:
        return [spelling(stream_of("ollama", tool))]

    pass_and_deny(boundary, upstream, ASKED["ollama"], written, content_type)


@pytest.mark.parametrize(
    "spelling",
    [
        lambda told: b"[" + b"\n,\r\n".join(told) + b"\n]\n",
        lambda told: b" \r\n[\t" + b" \n , \n ".join(told) + b"\r\n ]\r\n\r\n",
        lambda told: json.dumps([json.loads(each) for each in told], indent=2).encode(),
    ],
    ids=["as Google's", "blanks", "indented"],
)
def test_geminis_list_may_have_blanks_between_answers(
    boundary: Boundary, upstream: Upstream, spelling: Callable[[list[bytes]], bytes]
) -> None:
    """Without `alt=sse` a stream is one list of answers, which come one after the other."""

    def written(tool: str) -> list[bytes]:
        events = stream_of("gemini", tool).replace(b"data: ", b"").split(b"\n\n")
        said = {"candidates": [{"content": {"role": "model", "parts": [{"text": "H"}]}}]}
        told = spelling([json.dumps(said).encode(), *filter(None, events)])
        return [told[:9], told[9:90], told[90:]]

    asked = ("/v1beta/models/g:streamGenerateContent", GEMINI)
    pass_and_deny(boundary, upstream, asked, written, "application/json; charset=UTF-8")


def test_frames_fall_apart_anywhere_and_have_headers_in_any_order(
    boundary: Boundary, upstream: Upstream
) -> None:
    """Bedrock's model is named by an ARN here, escaped or not."""
    body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}

    def event(kind: str, value: dict[str, Any]) -> bytes:
        payload = json.dumps(value, indent=1).encode()
        return frame(payload, message_type="event", content_type="a/b", event_type=kind)

    def in_pieces(tool: str) -> list[bytes]:
        whole = b"".join(converse(tool))
        return [whole[at : at + 13] for at in range(0, len(whole), 13)]

    def without_arguments(tool: str) -> list[bytes]:
        use = {"toolUse": {"toolUseId": "t", "name": tool}}
        return [
            event("messageStart", {"role": "assistant"}),
            event("contentBlockStart", {"contentBlockIndex": 0, "start": use}),
            event("contentBlockStop", {"contentBlockIndex": 0}),
            event("messageStop", {"stopReason": "tool_use"}),
            event("metadata", {"usage": {"inputTokens": 5, "outputTokens": 2}}),
        ]

    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile{}us.anthropic.claude"
    for written in (in_pieces, without_arguments):
        for slash in ("/", "%2F"):
            asked = (f"/model/{arn.format(slash)}/converse-stream", body)
            kind = "application/vnd.amazon.eventstream"
            pass_and_deny(boundary, upstream, asked, written, kind)


def test_a_providers_own_tool_before_a_function_passes(
    boundary: Boundary, upstream: Upstream
) -> None:
    """Mistral's web search has an id of its own, and none of a call's."""

    def written(tool: str) -> list[bytes]:
        searched = {"output_index": 0, "id": "x", "name": "web_search"}
        events = [
            {"type": "tool.execution.started", **searched, "arguments": ""},
            {"type": "tool.execution.delta", **searched, "arguments": '{"query": "a"}'},
            {"type": "tool.execution.done", **searched, "info": {}},
        ]
        first, *rest = stream_of("mistral", tool).split(b"\n\n")
        own = [f"event: {each['type']}\ndata: {json.dumps(each)}".encode() for each in events]
        return [each + b"\n\n" for each in (first, *own, *rest) if each]

    pass_and_deny(boundary, upstream, ASKED["mistral"], written, "text/event-stream")
