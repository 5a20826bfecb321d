"""Uploads, batches and sound through the real mitmdump, with the real SDK."""

from __future__ import annotations

import io
import json

import openai
import pytest

from support.boundary import Boundary
from support.upstream import Upstream
from support.wire import Reply

SOUND = b"\xff\xfb\x90\x00" * 64


@pytest.fixture
def client(boundary: Boundary) -> openai.OpenAI:
    """Return the SDK, configured for the boundary, whose host is governed."""
    return openai.OpenAI(base_url=boundary.url + "/v1", api_key="none", max_retries=0)


def batch(*words: str) -> io.BytesIO:
    """Return a batch's file: a chat completion per line."""
    lines = [
        {
            "custom_id": str(number),
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": said}]},
        }
        for number, said in enumerate(words)
    ]
    return io.BytesIO("\n".join(map(json.dumps, lines)).encode())


FILE = {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "a",
        "purpose": "batch", "status": "processed"}  # fmt: skip


def test_a_batch_is_judged_line_by_line(client: openai.OpenAI, upstream: Upstream) -> None:
    """One bad line keeps the whole file here; a good file leaves as it is."""
    upstream.answer(lambda _: Reply.json(FILE))
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.files.create(file=batch("hello", "the password", "bye"), purpose="batch")
    assert refused.value.code == "TAINTED_DATA_EGRESS_DENY"
    assert upstream.requests == []
    client.files.create(file=batch("hello", "bye"), purpose="batch")
    assert batch("hello", "bye").getvalue() in upstream.requests[0].body


@pytest.mark.parametrize(
    "line",
    [
        b"{not json",
        b'{"method":"POST","url":"/v1/nothing","body":{}}',
        b'{"method":"GET","url":"/v1/models","body":{}}',
        b'{"method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}',
    ],
)
def test_a_line_that_cant_be_judged_denies_the_file(
    client: openai.OpenAI, upstream: Upstream, line: bytes
) -> None:
    """Every doubt about a line is a DENY that names it."""
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.files.create(
            file=io.BytesIO(batch("hello").getvalue() + b"\n" + line), purpose="batch"
        )
    assert refused.value.code == "SCHEMA_VIOLATION"
    assert "line 2" in refused.value.message
    assert upstream.requests == []


def test_a_transcription_is_judged_and_delivered(client: openai.OpenAI, upstream: Upstream) -> None:
    """The sound goes as an attachment, the prompt as a text, the answer is read."""
    upstream.answer(lambda _: Reply.json({"text": "what was said"}))
    told = client.audio.transcriptions.create(
        model="whisper-1", file=("a.mp3", SOUND, "audio/mpeg"), prompt="names"
    )
    assert told.text == "what was said"
    assert SOUND in upstream.requests[0].body
    upstream.answer(lambda _: Reply.json({"text": "the forbidden word"}))
    with pytest.raises(openai.PermissionDeniedError):
        client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", SOUND))
    with pytest.raises(openai.PermissionDeniedError):
        client.audio.transcriptions.create(
            model="whisper-1", file=("a.mp3", SOUND), prompt="the password"
        )
    assert len(upstream.requests) == 2


def test_speech_is_delivered_as_audio(client: openai.OpenAI, upstream: Upstream) -> None:
    """An answer in which there is no text passes unchanged."""
    upstream.answer(lambda _: Reply.of(SOUND, "audio/mpeg"))
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input="hello")
    assert spoken.content == SOUND


def test_embeddings_moderations_and_images_pass(client: openai.OpenAI, upstream: Upstream) -> None:
    """Operations without tools are read generically."""
    upstream.answer(
        lambda r: Reply.json(
            {
                "/v1/embeddings": {"object": "list", "model": "e", "data": [
                    {"object": "embedding", "index": 0, "embedding": [0.5]}],
                    "usage": {"prompt_tokens": 1, "total_tokens": 1}},
                "/v1/moderations": {"id": "m", "model": "o", "results": []},
                "/v1/images/generations": {"created": 1, "data": [{"b64_json": "AAAA"}]},
            }[r.path]
        )
    )  # fmt: skip
    vector = client.embeddings.create(model="e", input="x", encoding_format="float")
    assert vector.data[0].embedding == [0.5]
    assert client.moderations.create(input="x").id == "m"
    assert client.images.generate(model="i", prompt="x").data
    with pytest.raises(openai.PermissionDeniedError):
        client.embeddings.create(model="e", input=["x", "the password"])
    assert len(upstream.requests) == 3


def test_a_batchs_results_are_judged_line_by_line(
    client: openai.OpenAI, upstream: Upstream
) -> None:
    """A tool call that a whole answer couldn't bring doesn't come in a file either; others do."""

    def results(*names: str) -> Reply:
        calls = [{"id": "c", "type": "function", "function": {"name": n, "arguments": "{}"}}
                 for n in names]  # fmt: skip
        lines = [json.dumps({"response": {"body": {"choices": [
            {"message": {"tool_calls": [call]}}]}}}) for call in calls]  # fmt: skip
        return Reply.of("\n".join(lines).encode(), "application/octet-stream")

    upstream.answer(lambda _: results("look", "see"))
    assert b"see" in client.files.content("file-1").read()
    upstream.answer(lambda _: results("look", "rm_rf"))
    told = client.files.content("file-1").read()
    assert (b"look" in told, b"rm_rf" in told) == (True, False)
    upstream.answer(lambda _: results("rm_rf"))
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.files.content("file-1")
    assert refused.value.code == "SANDBOX_VIOLATION"
