"""Bedrock's Converse API through the real mitmdump, with frames and with boto3."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import httpx
import pytest

from support.approvals import records
from support.boundary import Boundary
from support.frames import chunk, converse
from support.installed import PROGRAMS, installed
from support.upstream import Framing, Recorded, Reply, Upstream

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
FRAMES = (("content-type", "application/vnd.amazon.eventstream"),)
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}


def framed(*frames: bytes) -> Reply:
    """Answer with a stream of frames."""
    return Reply(200, FRAMES, frames, Framing.CHUNKED)


def post(boundary: Boundary, operation: str, body: dict[str, Any] = HELLO) -> httpx.Response:
    """Ask the model; the key is made up."""
    headers = {"authorization": "AWS4-HMAC-SHA256 Credential=x", "x-amz-date": "20260101T000000Z"}
    url = f"{boundary.url}/model/{MODEL}/{operation}"
    return httpx.post(url, json=body, headers=headers, timeout=20)


def test_an_allowed_stream_leaves_byte_for_byte(boundary: Boundary, upstream: Upstream) -> None:
    """With its call, which was held until it was judged."""
    upstream.answer(lambda _: framed(*converse("look")))
    assert post(boundary, "converse-stream").content == b"".join(converse("look"))
    assert json.loads(upstream.requests[0].body) == HELLO


def test_a_denied_call_ends_the_stream_with_an_error(
    boundary: Boundary, upstream: Upstream
) -> None:
    """In a frame, as clients of the API know it; the text before it has left."""
    upstream.answer(lambda _: framed(*converse("rm_rf")))
    heard = post(boundary, "converse-stream").content
    assert heard.startswith(b"".join(converse("rm_rf")[:4]))
    assert b"AccessDeniedException" in heard
    assert b"rm_rf" not in heard


def test_another_apis_stream_comes_in_frames(boundary: Boundary, upstream: Upstream) -> None:
    """Anthropic's events, each in a frame; the last is an error where a call is denied."""
    block = {"type": "tool_use", "id": "t", "name": "rm_rf", "input": {}}
    frames = [
        chunk({"type": "message_start", "message": {"role": "assistant", "content": []}}),
        chunk({"type": "content_block_start", "index": 0, "content_block": block}),
        chunk({"type": "content_block_stop", "index": 0}),
        chunk({"type": "message_stop"}),
    ]
    upstream.answer(lambda _: framed(*frames))
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9,
            "messages": [{"role": "user", "content": "hello"}]}  # fmt: skip
    heard = post(boundary, "invoke-with-response-stream", body).content
    assert heard.startswith(frames[0])
    assert frames[1] not in heard
    assert b"AccessDeniedException" in heard


def test_a_denied_request_is_not_forwarded(boundary: Boundary, upstream: Upstream) -> None:
    """Whatever block the words are in."""
    result = {"toolResult": {"toolUseId": "t", "content": [{"json": {"a": "the password"}}]}}
    for block in ({"text": "the password"}, result):
        body = {"messages": [{"role": "user", "content": [block]}]}
        assert post(boundary, "converse-stream", body).status_code == 403
    assert upstream.requests == []


def answer(request: Recorded) -> Reply:
    """Call a tool that policy denies where that is asked for."""
    name = "rm_rf" if b"wipe" in request.body else "look"
    if request.path.endswith("-stream"):
        return framed(*converse(name))
    use = {"toolUse": {"toolUseId": "t1", "name": name, "input": {"city": "Oslo"}}}
    message = {"role": "assistant", "content": [{"text": "Hi"}, use]}
    return Reply.json({"output": {"message": message}, "stopReason": "tool_use",
                       "usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7},
                       "metrics": {"latencyMs": 1}})  # fmt: skip


def test_boto3_gets_what_is_allowed_and_raises_on_the_rest(
    boundary: Boundary, upstream: Upstream
) -> None:
    """Whole and streamed, with a receipt of every call."""
    python = installed("python", "bin", "python")
    if subprocess.run([python, "-c", "import boto3"], capture_output=True, check=False).returncode:
        pytest.skip("boto3 isn't installed: run scripts/clients")
    upstream.answer(answer)
    before = len(records(boundary, "outcome"))
    done = subprocess.run(
        [python, PROGRAMS / "with_boto3.py", boundary.url, "hello", "wipe it"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    said = [json.loads(line) for line in done.stdout.splitlines()]
    use = {"toolUseId": "t1", "name": "look"}
    assert said[0] == [{"text": "Hi"}, {"toolUse": {**use, "input": {"city": "Oslo"}}}]
    assert "AccessDenied" in said[1] or "403" in said[1]
    assert said[2] == [{"text": "H"}, {"text": "i"}, {"toolUse": use},
                       *({"toolUse": {"input": each}} for each in ('{"city"', ': "Oslo"}')),
                       "tool_use"]  # fmt: skip
    assert said[3][:2] == [{"text": "H"}, {"text": "i"}]
    assert said[3][2].startswith("EventStreamError: An error occurred (AccessDeniedException)")
    assert "helm-boundary denied" in said[3][2]
    outcomes = [each.predicate for each in records(boundary, "outcome")][before:]
    assert [each["verdict"] for each in outcomes] == ["ALLOW", "DENY", "ALLOW", "DENY"]
    assert [each["outcome"]["usage"]["inputTokens"] for each in outcomes[::2]] == [5, 5]
