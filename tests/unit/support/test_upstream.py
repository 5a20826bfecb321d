"""The upstream of our own speaks the protocol as the real SDK expects it, or breaks it as told."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import DefaultHttpxClient, OpenAI

from support.certificates import Authority
from support.upstream import (
    Break,
    Framing,
    Pause,
    Recorded,
    Reply,
    Step,
    ToolCall,
    Turn,
    Upstream,
    reply_to_chat,
)

ASKED: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def client(upstream: Upstream) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{upstream.url}/v1", api_key="made-up", max_retries=0) as sdk:
        yield sdk


def fetch(upstream: Upstream, path: str = "/", method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_chat_is_answered_with_text_and_usage(client: OpenAI, upstream: Upstream) -> None:
    """The SDK's typed object is complete, and the request is recorded as it was sent."""
    completion = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    assert completion.id.startswith("chatcmpl-")
    assert abs(completion.created - time.time()) < 60
    assert completion.model == "gpt-4o-mini"
    assert completion.choices[0].message.content == "Hello from the upstream."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens > 0
    [request] = upstream.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.header("Authorization") == "Bearer made-up"
    assert request.json()["messages"] == ASKED
    assert upstream.bytes_received > len(request.body)


def test_every_choice_that_was_asked_for_comes_back(client: OpenAI) -> None:
    """`n` choices, numbered from 0."""
    completion = client.chat.completions.create(model="gpt-4o", n=3, messages=ASKED)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]


def test_a_stream_carries_text_in_deltas_for_each_choice(client: OpenAI) -> None:
    """Put together, the deltas are what the whole answer would have said; usage comes last."""
    stream = client.chat.completions.create(
        model="gpt-4o",
        n=2,
        messages=ASKED,
        stream=True,
        stream_options={"include_usage": True},
    )
    texts, reasons, last = ["", ""], {}, None
    for last in stream:
        for choice in last.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason
    assert texts == ["Hello from the upstream."] * 2
    assert reasons == {0: "stop", 1: "stop"}
    assert last is not None
    assert last.choices == []
    assert last.usage is not None


def test_tool_calls_arrive_whole(client: OpenAI, upstream: Upstream) -> None:
    """The calls that the script says, with their arguments as they are."""
    calls = (ToolCall("get_weather", '{"city": "Wien"}'), ToolCall("get_weather", "{not json"))
    upstream.answer(lambda request: reply_to_chat(request, Turn("", calls)))
    completion = client.chat.completions.create(model="gpt-4o", messages=ASKED, tools=[WEATHER])
    assert completion.choices[0].finish_reason == "tool_calls"
    found = completion.choices[0].message.tool_calls or []
    assert [call.function.arguments for call in found if call.type == "function"] == [
        call.arguments for call in calls
    ]


def test_tool_calls_stream_in_pieces_that_fit_together(client: OpenAI, upstream: Upstream) -> None:
    """The SDK's own accumulator finds the same arguments."""
    arguments = json.dumps({"city": "Wien", "days": list(range(20))})
    turn = Turn("Let me see.", (ToolCall("get_weather", arguments), ToolCall("get_weather")))
    upstream.answer(lambda request: reply_to_chat(request, turn))
    with client.chat.completions.stream(
        model="gpt-4o",
        messages=ASKED,
        tools=[WEATHER],
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.content == "Let me see."
    assert [call.function.arguments for call in message.tool_calls or []] == [arguments, "{}"]


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_a_required_tool_is_called(client: OpenAI, choice: Any) -> None:
    """`tool_choice` is enough to see a tool call, without a script."""
    completion = client.chat.completions.create(
        model="gpt-4o",
        messages=ASKED,
        tools=[WEATHER],
        tool_choice=choice,
    )
    [call] = completion.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"


def test_models_are_listed(client: OpenAI) -> None:
    """The listing and a single model, as the SDK types them."""
    assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-4o-mini"]
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"


def test_an_unknown_path_is_an_error_of_the_right_form(client: OpenAI) -> None:
    """The SDK raises its typed 404."""
    with pytest.raises(openai.NotFoundError, match="unknown request URL"):
        client.embeddings.create(model="gpt-4o", input="x")


def test_connections_are_kept_and_counted(client: OpenAI, upstream: Upstream) -> None:
    """Two calls of one client share a connection; both requests say which."""
    for _ in range(2):
        client.models.list()
    assert upstream.connections == 1
    assert [request.connection for request in upstream.requests] == [1, 1]


def test_a_chunked_request_body_is_put_together(upstream: Upstream) -> None:
    """Chunk extensions and trailers are read and left out."""
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=5) as connection:
        connection.sendall(
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
            b"\r\n4;a=b\r\nWiki\r\n5\r\npedia\r\n0\r\nX-Trailer: 1\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        while len(upstream.requests) < 2:
            time.sleep(0.01)
    assert [request.body for request in upstream.requests] == [b"Wikipedia", b""]


def test_tls_with_a_certificate_of_our_own(tmp_path: Path) -> None:
    """A client that trusts the authority is served; one that doesn't is not, and sends nothing."""
    authority = Authority(tmp_path)
    with Upstream(authority.issue("127.0.0.1", "localhost")) as upstream:
        trusting = DefaultHttpxClient(verify=ssl.create_default_context(cafile=authority.file))
        with OpenAI(
            base_url=f"{upstream.url}/v1", api_key="made-up", http_client=trusting
        ) as client:
            assert len(client.models.list().data) == 2
        seen = upstream.bytes_received
        with (
            OpenAI(base_url=f"{upstream.url}/v1", api_key="made-up", max_retries=0) as doubting,
            pytest.raises(openai.APIConnectionError),
        ):
            doubting.models.list()
        assert upstream.bytes_received == seen


GZIPPED = gzip.compress(b"packed")
ANSWERS: dict[str, tuple[Reply, tuple[int, bytes]]] = {
    "any status": (Reply.json({"a": 1}, status=418), (418, b'{"a": 1}')),
    "html": (
        Reply.of(b"<html>Bad gateway</html>", "text/html", status=502),
        (502, b"<html>Bad gateway</html>"),
    ),
    "gzip, as it is": (Reply(200, (("content-encoding", "gzip"),), (GZIPPED,)), (200, GZIPPED)),
    "chunks and a pause": (Reply.events(b"a", b"", Pause(0.01), b"b"), (200, b"ab")),
    "until close": (Reply(steps=(b"all",), framing=Framing.UNTIL_CLOSE), (200, b"all")),
    "raw": (Reply.raw(b"HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nok"), (299, b"ok")),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_a_scripted_answer_goes_out_as_written(upstream: Upstream, case: str) -> None:
    """Status, headers, framing and body are the script's."""
    reply, expected = ANSWERS[case]
    upstream.answer(lambda _request: reply)
    assert fetch(upstream) == expected


BREAKS: dict[str, tuple[tuple[Step, ...], type[Exception]]] = {
    "reset at once": ((Break.RESET,), ConnectionResetError),
    "closed at once": ((Break.CLOSE,), http.client.RemoteDisconnected),
    "reset in the body": (
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Pause(0.05), Break.RESET),
        ConnectionResetError,
    ),
    "closed in the body": (
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Break.CLOSE),
        http.client.IncompleteRead,
    ),
    "not http": ((b"SSH-2.0-OpenSSH\r\n", Break.CLOSE), http.client.BadStatusLine),
}


@pytest.mark.parametrize("case", BREAKS)
def test_a_scripted_failure_breaks_the_connection(upstream: Upstream, case: str) -> None:
    """Each is the failure that it says, and the next connection is served."""
    steps, error = BREAKS[case]
    upstream.answer(lambda _request: Reply.raw(*steps))
    with pytest.raises(error):
        fetch(upstream)
    upstream.answer(lambda _request: None)
    assert fetch(upstream, "/v1/models")[0] == 200


def test_silence_lasts_until_the_client_gives_up(upstream: Upstream) -> None:
    """It doesn't keep the server from serving others, nor from ending."""
    upstream.answer(lambda request: Reply.raw(Break.SILENCE) if request.path == "/" else None)
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=0.2) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert fetch(upstream, "/v1/models")[0] == 200


def test_a_script_that_fails_answers_500_and_says_so(upstream: Upstream) -> None:
    """A mistake in a test's script can be read in the test's output."""

    def script(request: Recorded) -> Reply:
        raise LookupError(request.path)

    upstream.answer(script)
    status, body = fetch(upstream, "/lost")
    assert status == 500
    assert b"LookupError" in body


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"])
def test_a_request_that_is_not_http_is_refused(upstream: Upstream, sent: bytes) -> None:
    """400 and a close; nothing is recorded as a request."""
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=5) as connection:
        connection.sendall(sent)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert upstream.requests == []
