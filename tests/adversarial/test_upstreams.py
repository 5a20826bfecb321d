"""Upstreams that fail or attack: a clear error, one outcome, and the next call works."""

from __future__ import annotations

import functools
import gzip
import json
import socket
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from support.scene import Answer, Scene, Wire, assert_refusal, assert_works, chat_body, scene
from support.upstream import DONE, Break, Framing, Pause, Recorded, Reply, ToolCall, Turn, event
from support.upstream import reply_to_chat as answer_chat

EVIL_TURN = Turn("", (ToolCall("forbidden", '{"path": "/etc/shadow"}'),))
EVIL_CALL: dict[str, Any] = {
    "id": "c",
    "type": "function",
    "function": {"name": "forbidden", "arguments": "{}"},
}
EVIL: dict[str, Any] = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": [EVIL_CALL]}}],
}
EVIL_JSON = json.dumps(EVIL).encode()
GOOD_JSON = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}}]}
).encode()


def text_event(text: str) -> bytes:
    """Return a chunk with a text delta."""
    return event({"choices": [{"index": 0, "delta": {"content": text}}]})


def evil_event() -> bytes:
    """Return a chunk that begins a tool call."""
    call = {"index": 0, **EVIL_CALL}
    return event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})


def given(reply: Reply, _: Recorded) -> Reply:
    """Return a script that answers every request with this."""
    return reply


def headed(body: bytes, *headers: tuple[str, str], status: int = 200) -> Reply:
    """Return a reply with exactly these headers and a length."""
    return Reply(status, headers, (body,))


def assert_outcome(stage: Scene, answer: Answer, verdict: str, end: str) -> Any:
    """Assert how a call ended in its one outcome receipt; return it."""
    request, outcome = stage.records(answer.correlation)
    assert request["verdict"] == "ALLOW"
    assert (outcome["verdict"], outcome["outcome"]["end"]) == (verdict, end), outcome
    return outcome


JSON_TYPE = ("content-type", "application/json")
STREAM_TYPE = ("content-type", "text/event-stream")
UNREADABLE: dict[str, Reply] = {
    "an empty body": headed(b"", JSON_TYPE),
    "HTML with status 200": Reply.of(b"<html>ok</html>", "text/html"),
    "HTML in the name of JSON": headed(b"<html>ok</html>", JSON_TYPE),
    "JSON cut off": headed(EVIL_JSON[:-3], JSON_TYPE),
    "JSON and more": headed(GOOD_JSON + EVIL_JSON, JSON_TYPE),
    "a key twice": headed(b'{"choices":[],"choices":[]}', JSON_TYPE),
    "a tool call in other letters": headed(EVIL_JSON.replace(b"tool_c", b"Tool_C"), JSON_TYPE),
    "a tool call of two kinds": headed(
        EVIL_JSON.replace(b'"function": {', b'"custom": {"name":"x","input":""}, "function": {'),
        JSON_TYPE,
    ),
    "a tool call elsewhere": headed(b'{"choices":[],"tool_calls":[]}', JSON_TYPE),
    "a tool call beside an error that is none": headed(
        json.dumps({"error": None, "done": True, **EVIL["choices"][0]}).encode(),
        JSON_TYPE,
    ),
    "a tool call in an error": headed(
        json.dumps({"error": {"message": "x", **EVIL_CALL["function"]}}).encode(), JSON_TYPE
    ),
    "usage in other letters": headed(GOOD_JSON[:-1] + b', "Usage": {}}', JSON_TYPE),
    "no choices": headed(b"{}", JSON_TYPE),
    "a list": headed(b"[" + EVIL_JSON + b"]", JSON_TYPE),
    "200 levels": headed(b"[" * 200 + b"]" * 200, JSON_TYPE),
    "gzip bomb": headed(gzip.compress(b" " * (64 << 20)), JSON_TYPE, ("content-encoding", "gzip")),
    "unknown coding": headed(GOOD_JSON, JSON_TYPE, ("content-encoding", "rot13")),
    "doubled coding": headed(
        gzip.compress(gzip.compress(GOOD_JSON)), JSON_TYPE, ("content-encoding", "gzip, gzip")
    ),
    "not the coding it says": headed(GOOD_JSON, JSON_TYPE, ("content-encoding", "gzip")),
    "another charset": headed(GOOD_JSON, ("content-type", "application/json; charset=utf-7")),
    "a stream in another charset": headed(
        text_event("fine") + DONE, ("content-type", "text/event-stream; charset=utf-7")
    ),
    "UTF-16": headed(GOOD_JSON.decode().encode("utf-16"), JSON_TYPE),
    "a compressed stream": headed(
        gzip.compress(evil_event() + DONE), STREAM_TYPE, ("content-encoding", "gzip")
    ),
    "a redirect": headed(b"", ("location", "https://example.com/v1/chat/completions"), status=307),
    "a 101": Reply.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nforbidden bytes"),
    "binary": headed(bytes(range(256)), ("content-type", "image/png")),
    "no content type": headed(b"forbidden words", ("x-nothing", "1")),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_cant_be_judged_is_refused(stage: Scene, name: str, *, stream: bool) -> None:
    """403 with the verdict in place of it, none of its bytes, and the outcome says so."""
    stage.upstream.answer(lambda _: UNREADABLE[name])
    answer = stage.chat(stream=stream)
    assert_refusal(answer, "BODY_TOO_LARGE" if name == "gzip bomb" else "SCHEMA_VIOLATION")
    assert b"forbidden" not in answer.body
    assert_outcome(stage, answer, "DENY", "denied")
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


EVIL_ANSWERS: dict[str, Reply] = {
    "compressed JSON": headed(gzip.compress(EVIL_JSON), JSON_TYPE, ("content-encoding", "gzip")),
    "JSON without a content type": headed(EVIL_JSON, ("x-nothing", "1")),
    "JSON in the name of text": Reply.of(EVIL_JSON, "text/plain"),
    "JSON in the name of HTML": Reply.of(EVIL_JSON, "text/html"),
    "JSON in the name of a stream": headed(EVIL_JSON, STREAM_TYPE),
    "JSON in the name of both": headed(EVIL_JSON, JSON_TYPE, STREAM_TYPE),
    "JSON in pieces until the end": Reply(
        200, (JSON_TYPE,), (EVIL_JSON[:30], Pause(0.05), EVIL_JSON[30:]), Framing.UNTIL_CLOSE
    ),
    "JSON in chunks": Reply(200, (JSON_TYPE,), (EVIL_JSON[:9], EVIL_JSON[9:]), Framing.CHUNKED),
    "a stream": Reply.events(text_event("x"), evil_event(), DONE),
    "a stream in capitals": headed(evil_event() + DONE, ("Content-Type", "TEXT/EVENT-STREAM;x=1")),
    "a stream in the name of JSON": headed(text_event("x") + evil_event() + DONE, JSON_TYPE),
    "a stream in the name of text": headed(
        text_event("x") + evil_event() + DONE, ("content-type", "text/plain")
    ),
    "JSON before the end of a stream": headed(EVIL_JSON + b"\n\n" + DONE, STREAM_TYPE),
    "a stream with a length": headed(evil_event() + DONE, STREAM_TYPE),
    "a stream of one-byte chunks": Reply.events(
        *[bytes([byte]) for byte in evil_event() + DONE]
    ),
    "a stream that ends inside the call": Reply.events(text_event("x"), evil_event()),
    "status 206": headed(EVIL_JSON, JSON_TYPE, status=206),
    "status 201": headed(EVIL_JSON, JSON_TYPE, status=201),
}  # fmt: skip


@pytest.mark.parametrize("name", EVIL_ANSWERS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_denied_tool_call_is_not_delivered_under_any_label(
    stage: Scene, name: str, *, stream: bool
) -> None:
    """JSON when a stream was asked for, a stream when JSON was, under any label."""
    stage.upstream.answer(lambda _: EVIL_ANSWERS[name])
    answer = stage.chat(stream=stream)
    assert b"forbidden" not in answer.body
    assert b'"error"' in answer.body
    assert "x-trailer" not in answer.headers
    assert_outcome(stage, answer, "DENY", "denied")
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


COMPLETIONS: dict[str, tuple[dict[str, Any], str | None]] = {
    "text": ({"text": "fine"}, None),
    "a message, as Mistral's": ({"message": {"content": "fine", "tool_calls": None}}, None),
    "a call in a message": ({"text": "", **EVIL["choices"][0]}, "POLICY_VIOLATION"),
    "a call beside the text": ({"text": "", "tool_calls": [EVIL_CALL]}, "SCHEMA_VIOLATION"),
    "a call in a delta": ({"text": "", "delta": {"tool_calls": [EVIL_CALL]}}, "SCHEMA_VIOLATION"),
    "an old call": ({"text": "", "function_call": EVIL_CALL["function"]}, "SCHEMA_VIOLATION"),
}


@pytest.mark.parametrize("case", COMPLETIONS)
def test_a_tool_call_in_a_legacy_completion_is_judged_or_refused(stage: Scene, case: str) -> None:
    """There is none in that API, but clients of its choices may know a chat's."""
    choice, code = COMPLETIONS[case]
    reply = Reply.json({"object": "text_completion", "choices": [choice]})
    stage.upstream.answer(functools.partial(given, reply))
    answer = stage.post(b'{"model": "ordinary", "prompt": "x"}', path="/v1/completions")
    if code is None:
        assert (answer.status, answer.body) == (200, reply.steps[0])
    else:
        assert_refusal(answer, code)
        assert b"forbidden" not in answer.body
        assert_outcome(stage, answer, "DENY", "denied")


UNPARSEABLE = {
    "no status line": b'{"tool_calls": "forbidden"}',
    "quotes of both kinds": b'it\'s "forbidden"\r\n\r\nforbidden',
    "a status that is a word": b"HTTP/1.1 forbidden\r\n\r\n",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nforbidden\r\n\r\n",
    "a length that is a word": b"HTTP/1.1 200 OK\r\nContent-Length: forbidden\r\n\r\n",
    "a coding that is a word": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: forbidden\r\n\r\n",
}


@pytest.mark.parametrize("name", UNPARSEABLE)
def test_an_error_page_quotes_nothing_of_an_answer(stage: Scene, name: str) -> None:
    """Otherwise mitmproxy's message would quote what it couldn't parse, past every judgement."""
    stage.upstream.answer(lambda _: Reply.raw(UNPARSEABLE[name]))
    answer = stage.chat()
    assert (answer.status, answer.code) == (502, "UPSTREAM_UNAVAILABLE")
    assert b"forbidden" not in answer.body
    request, outcome = stage.records(answer.correlation)
    assert (request["verdict"], outcome["outcome"]["end"]) == ("ALLOW", "upstream_error")
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


@pytest.mark.parametrize("body", [evil_event(), text_event("fine")])
def test_response_trailers_do_not_reach_the_client(stage: Scene, body: bytes) -> None:
    """A stream with trailers breaks off, as mitmproxy reads none; nothing held is released."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    trailed = b"\r\n%x\r\n%b\r\n0\r\nx-trailer: forbidden\r\n\r\n" % (len(body), body)
    stage.upstream.answer(lambda _: Reply.raw(head + trailed))
    answer = stage.chat(stream=True)
    assert b"forbidden" not in answer.body
    assert "x-trailer" not in answer.headers
    assert not answer.whole
    assert len(stage.records(answer.correlation)) == 2
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_extra_bytes_after_a_response_are_dropped(stage: Scene) -> None:
    """Two answers to one request: the second isn't given to anybody."""
    one = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
    twice = one % (len(GOOD_JSON), GOOD_JSON) + one % (len(EVIL_JSON), EVIL_JSON)
    stage.upstream.answer(lambda _: Reply.raw(twice))
    with stage.wire() as wire:
        wire.send(stage.request(chat_body()))
        assert wire.answer().body == GOOD_JSON
        stage.upstream.answer(lambda _: None)
        wire.send(stage.request(chat_body()))
        assert b"forbidden" not in wire.answer().body
    assert_works(stage)


def test_helm_headers_of_the_upstream_are_removed(stage: Scene) -> None:
    """X-Helm headers from there are taken off."""
    fake = (("x-helm-verdict", "ALLOW"), ("X-HELM-Receipt-Id", "made-up"), ("x-helm-other", "1"))
    stage.upstream.answer(lambda _: headed(GOOD_JSON, JSON_TYPE, *fake))
    answer = stage.chat()
    assert answer.status == 200
    assert answer.headers["x-helm-receipt-id"] != "made-up"
    assert "x-helm-other" not in answer.headers


ERRORS: dict[str, Reply] = {
    "500 with an error object": Reply.json({"error": {"message": "busy"}}, status=500),
    "500 with HTML": Reply.of(b"<html>sorry</html>", "text/html", status=500),
    "502 without a body": headed(b"", ("server", "x"), status=502),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_upstreams_own_error_reaches_the_client(stage: Scene, name: str) -> None:
    """As it came; the outcome is an upstream error, under the verdict ALLOW."""
    stage.upstream.answer(lambda _: ERRORS[name])
    answer = stage.chat()
    assert answer.status == ERRORS[name].status
    assert answer.body == b"".join(s for s in ERRORS[name].steps if isinstance(s, bytes))
    assert_outcome(stage, answer, "ALLOW", "upstream_error")
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_a_tool_call_in_an_error_page_is_judged(stage: Scene) -> None:
    """A 4xx or 5xx isn't a way around the judgement of an answer's text."""
    body = b"<html>unspeakable</html>"
    stage.upstream.answer(lambda _: Reply.of(body, "text/html", status=500))
    answer = stage.chat()
    assert_refusal(answer, "POLICY_VIOLATION")


LONG = ("content-length", "999")
BROKEN: dict[str, Reply] = {
    "a reset before the head": Reply.raw(Break.RESET),
    "closed before the head": Reply.raw(Break.CLOSE),
    "a reset in the head": Reply.raw(b"HTTP/1.1 200 OK\r\ncontent-ty", Break.RESET),
    "not HTTP": Reply.raw(b"SSH-2.0-OpenSSH\r\n\r\n", Break.CLOSE),
    "a reset in the body": Reply(200, (JSON_TYPE, LONG), (GOOD_JSON, Break.RESET)),
    "closed in the body": Reply(200, (JSON_TYPE, LONG), (GOOD_JSON, Break.CLOSE)),
    "a wrong chunk": Reply.raw(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
    ),
    "length and chunks": Reply.raw(
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        Break.CLOSE,
    ),
    "two lengths": Reply.raw(
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!", Break.CLOSE
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_an_upstream_that_disconnects_gives_an_error_object(stage: Scene, name: str) -> None:
    """502 in the form that clients of an API read, no part of the answer, one outcome."""
    stage.upstream.answer(lambda _: BROKEN[name])
    answer = stage.chat()
    assert answer.status == 502, answer
    assert answer.json()["error"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert b"fine" not in answer.body
    request, _ = stage.records(answer.correlation)
    sequence = request["sequence"]
    identity = f"{sequence['writer']}-{sequence['number']:06d}"
    assert answer.headers["x-helm-receipt-id"] == identity
    assert answer.headers["x-helm-status"] == "APPROVED"
    assert_outcome(stage, answer, "ALLOW", "upstream_error")
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


@pytest.mark.parametrize("ending", [Break.RESET, Break.CLOSE])
def test_a_truncated_stream_does_not_look_complete(stage: Scene, ending: Break) -> None:
    """What came before has left; the client's read fails instead of ending in good order."""
    stage.upstream.answer(lambda _: Reply.events(text_event("half"), Pause(0.1), ending))
    answer = stage.chat(stream=True)
    assert b"half" in answer.body
    assert not answer.whole
    assert_outcome(stage, answer, "ALLOW", "upstream_error")
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_a_stream_truncated_inside_a_tool_call_releases_none_of_it(stage: Scene) -> None:
    """Held bytes are dropped, not flushed."""
    reply = Reply.events(text_event("half"), evil_event(), Pause(0.1), Break.RESET)
    stage.upstream.answer(lambda _: reply)
    answer = stage.chat(stream=True)
    assert b"forbidden" not in answer.body
    assert len(stage.records(answer.correlation)) == 2
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_an_upstream_that_refuses_connections_gives_an_error_object(tmp_path: Path) -> None:
    """Nobody listens there: 502 with an error object, and an outcome."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        mode = f"reverse:http://127.0.0.1:{taken.getsockname()[1]}"
        with scene(tmp_path, mode=mode) as stage:
            answer = stage.chat()
            assert answer.status == 502
            assert answer.json()["error"]["code"] == "UPSTREAM_UNAVAILABLE"
            assert_outcome(stage, answer, "ALLOW", "upstream_error")


def test_a_client_that_gives_up_waiting_ends_its_call(stage: Scene) -> None:
    """The upstream never answers; when the client goes, the outcome is written."""
    stage.upstream.answer(lambda _: Reply.raw(Break.SILENCE))
    correlation = str(uuid.uuid4())
    with stage.wire() as wire:
        send_and_wait(stage, wire, correlation)
    answer = Answer(0, {}, b"", correlation)
    assert_outcome(stage, answer, "ALLOW", "client_gone")
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_a_client_that_disconnects_during_a_stream_ends_its_call(stage: Scene) -> None:
    """In the middle of the text, and in the middle of a held tool call."""
    for steps in ((text_event("half"),), (text_event("half"), evil_event())):
        reply = Reply.events(*steps, Break.SILENCE)
        stage.upstream.answer(functools.partial(given, reply))
        correlation = str(uuid.uuid4())
        with stage.wire() as wire:
            wire.send(stage.request(chat_body(stream=True), correlation=correlation))
            found = b""
            while b"half" not in found:
                found += wire.socket.recv(4096)
        answer = Answer(0, {}, b"", correlation)
        assert_outcome(stage, answer, "ALLOW", "client_gone")
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


@pytest.mark.parametrize(
    ("last", "end"), [(b"", "client_gone"), (DONE, "complete")], ids=["midway", "at the end"]
)
def test_a_client_that_disconnects_early_does_not_escape_judgement(
    stage: Scene, last: bytes, end: str
) -> None:
    """What had left of the stream is judged late, as for a client that stays to its end."""
    reply = Reply.events(text_event("this is unspeakable"), last, Break.SILENCE)
    stage.upstream.answer(functools.partial(given, reply))
    correlation = str(uuid.uuid4())
    with stage.wire() as wire:
        wire.send(stage.request(chat_body(stream=True), correlation=correlation))
        found = b""
        while (last or b"unspeakable") not in found:
            found += wire.socket.recv(4096)
    outcome = assert_outcome(stage, Answer(0, {}, b"", correlation), "DENY", end)
    assert outcome["enforcement"] == "observed"
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_a_client_that_disconnects_during_its_request_leaves_no_receipt(stage: Scene) -> None:
    """Half a body: no call yet, so no receipt, and the upstream has seen nothing."""
    correlation = str(uuid.uuid4())
    request = stage.request(chat_body(), correlation=correlation)
    with stage.untouched():
        for cut in (20, len(request) - 60, len(request) - 1):
            with stage.wire() as wire:
                wire.send(request[:cut])
        time.sleep(0.1)
    assert stage.records(correlation, expected=0) == []
    assert_works(stage)


def test_a_call_whose_client_disconnects_during_judgement_has_one_outcome(stage: Scene) -> None:
    """Its request may still go, or not; either way there is exactly one outcome."""
    correlations = [str(uuid.uuid4()) for _ in range(10)]
    for correlation in correlations:
        with stage.wire() as wire:
            wire.send(stage.request(chat_body(), correlation=correlation))
    for correlation in correlations:
        phases = [record["phase"] for record in stage.records(correlation)]
        assert phases in (["request", "outcome"], [])
    assert_works(stage)


def test_a_denied_answer_to_a_client_that_resets_has_its_receipts(stage: Scene) -> None:
    """The refusal has nowhere to go; the receipts are there all the same."""
    correlation = str(uuid.uuid4())
    stage.upstream.answer(lambda request: answer_chat(request, EVIL_TURN))
    with stage.wire() as wire:
        send_and_wait(stage, wire, correlation)
    assert len(stage.records(correlation)) == 2
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_pipelined_requests_are_each_judged(stage: Scene) -> None:
    """Pipelining: an ordinary call does not carry a denied one through."""
    seen = len(stage.upstream.requests)
    with stage.wire() as wire:
        wire.send(
            stage.request(chat_body())
            + stage.request(chat_body(model="denied"))
            + stage.request(chat_body())
        )
        assert [wire.answer().status for _ in range(3)] == [200, 403, 200]
    assert len(stage.upstream.requests) == seen + 2
    assert all(request.json()["model"] == "ordinary" for request in stage.upstream.requests[seen:])


def send_and_wait(stage: Scene, wire: Wire, correlation: str) -> None:
    """Send an ordinary call and wait until the upstream has it."""
    seen, deadline = len(stage.upstream.requests), time.monotonic() + 3
    wire.send(stage.request(chat_body(), correlation=correlation))
    while len(stage.upstream.requests) == seen and time.monotonic() < deadline:
        time.sleep(0.01)


def test_helm_max_body_bounds_what_is_held_of_a_stream(tmp_path: Path) -> None:
    """A tool call that never ends costs memory up to `helm_max_body`, then the stream ends."""
    argument = event(
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "x" * 500}}]},
                }
            ]
        }
    )
    with scene(tmp_path, options={"helm_max_body": "4k"}) as stage:
        endless = Reply.events(text_event("fine"), evil_event(), *[argument] * 20, DONE)
        stage.upstream.answer(functools.partial(given, endless))
        answer = stage.chat(stream=True)
        assert answer.events[-1]["error"]["code"] == "SCHEMA_VIOLATION"
        assert b"fine" in answer.body
        assert b"forbidden" not in answer.body
        assert b"xxx" not in answer.body
        assert_outcome(stage, answer, "DENY", "denied")
        stage.upstream.answer(lambda _: None)
        assert_works(stage)
