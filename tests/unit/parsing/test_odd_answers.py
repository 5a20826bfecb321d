"""Answers that aren't what they claim to be: read as what they are, so that honest ones pass."""

from __future__ import annotations

import json

import pytest

from helm_boundary.calls.call import HttpResponse, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.parsing.responses import read_answer, stream_of
from helm_boundary.streaming.sse import EventCutter
from support import chat

CHAT = Operation("createChatCompletion", "inference", "chat", "POST", "/chat/completions")
FILES = Operation("downloadFile", "data", "generic", "GET", "/files/{file_id}/content")
OLLAMA = Operation("ollama.chat", "inference", "ollama", "POST", "/api/chat")
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
WHOLE = json.dumps(
    {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
).encode()
EVENTS = chat.event({"choices": [{"index": 0, "delta": {"content": "hi"}}]}) + chat.DONE


def answered(body: bytes, kind: str, status: int = 200) -> HttpResponse:
    """Build an answer with that body under that content type."""
    return HttpResponse(status, (("content-type", kind),), body)


ODD: dict[str, tuple[HttpResponse, str]] = {
    "an error that is no JSON": (answered(b"Too Many", "application/json", 429), "Too Many"),
    "a page of an error": (answered(b"<p>bad</p>", "application/json", 502), "<p>bad</p>"),
    "an error in another alphabet": (answered(b"na\xefve", "text/html", 500), "na\ufffdve"),
    "an error's object under a stream's name": (
        answered(b'{"error": {"message": "full"}}', "text/event-stream", 400),
        "full",
    ),
    "an error's event": (
        answered(b'data: {"error": "full"}\n\n', "text/event-stream", 429),
        "full",
    ),
    "events under JSON's name": (answered(EVENTS, "application/json"), "hi"),
    "events under a text's name": (answered(EVENTS, "text/plain; charset=utf-8"), "hi"),
    "a whole answer under a stream's name": (answered(WHOLE, "text/event-stream"), "hi"),
    "a whole answer before the end mark": (
        answered(WHOLE + b"\n\n" + chat.DONE, "text/event-stream"),
        "hi",
    ),
    "an answer of several lines under a stream's name": (
        answered(json.dumps(json.loads(WHOLE), indent=1).encode(), "text/event-stream"),
        "hi",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_what_an_answer_says_is_read_whatever_it_is_labelled(case: str) -> None:
    """Its words are texts."""
    response, text = ODD[case]
    answer = read_answer(CHAT, response, 1 << 20).answer
    assert text in [each.text for each in answer.texts]
    assert answer.status == response.status


def test_an_error_is_never_read_as_a_stream() -> None:
    """It is short, and often no event at all."""
    assert stream_of(CHAT, answered(b"", "text/event-stream", 400)) is None


def test_only_a_dialect_that_streams_lines_is_gated_by_lines() -> None:
    """Anything else in lines is judged whole."""
    lines = answered(b"", "application/x-ndjson")
    assert stream_of(OLLAMA, lines) is not None
    assert stream_of(CHAT, lines) is None
    assert stream_of(FILES, lines) is None


def test_a_call_in_an_error_is_judged() -> None:
    """Whatever the status and the label, policy hears of it."""
    body = json.dumps({"error": {"tool_calls": [CALL]}}).encode()
    for kind in ("application/json", "text/html", "text/event-stream"):
        calls = read_answer(CHAT, answered(body, kind, 500), 1 << 20).answer.tool_calls
        assert [call.name for call in calls] == ["look"]


def test_an_empty_answer_to_a_call_is_still_refused() -> None:
    """A client would wait for what never comes; after an error there is nothing to wait for."""
    with pytest.raises(Refusal):
        read_answer(CHAT, answered(b"", "application/json"), 100)
    assert read_answer(CHAT, answered(b"", "application/json", 502), 100).answer.texts == ()


@pytest.mark.parametrize("kind", ["", "application/json", "text/event-stream"])
def test_what_is_done_without_an_answer_is_done(kind: str) -> None:
    """A deletion, a hang-up: many a server answers 200 and says nothing, under any label."""
    for category in ("data", "admin", "realtime", "unknown"):
        silent = Operation("x", category, "generic", "POST", "/x")
        told = read_answer(silent, answered(b"", kind), 100)
        assert (told.answer.status, told.answer.texts, told.body) == (200, (), None)


def events(body: bytes, step: int) -> list[tuple[bytes, bytes | None]]:
    """Return the events of a body that comes in steps of that many bytes."""
    cutter = EventCutter(1000)
    found = [e for at in range(0, len(body), step) for e in cutter.feed(body[at : at + step])]
    rest = cutter.finish()
    return [(event.raw, event.data) for event in [*found, *([rest] if rest else [])]]


LINES: dict[str, tuple[bytes, list[bytes | None]]] = {
    "lines of JSON": (b'{"a":1}\n{"b":2}\n', [b'{"a":1}\n', b'{"b":2}\n']),
    "the last line without an end": (b'{"a":1}\n{"b":2}', [b'{"a":1}\n', b'{"b":2}']),
    "a value of several lines": (b'{\n"a":1\n}\n', [b'{\n"a":1\n}\n']),
    "a line, then events": (b'{"a":1}\n\ndata: x\n\n', [b'{"a":1}\n', None, b"x"]),
    "events, then a line": (b'data: x\n\n{"a":1}\n', [b"x", b'{"a":1}\n']),
    "after a byte order mark": (b'\xef\xbb\xbf{"a":1}\n', [b'{"a":1}\n']),
}


@pytest.mark.parametrize("case", LINES)
def test_lines_of_json_are_events_wherever_chunks_fall(case: str) -> None:
    """With every byte of the body in one of them."""
    body, data = LINES[case]
    for step in (1, 2, 5, 100):
        found = events(body, step)
        assert [each for _, each in found] == data
        assert b"".join(raw for raw, _ in found) == body


def test_json_within_an_event_is_still_no_field() -> None:
    """A reader of events skips it, another one might not."""
    with pytest.raises(Refusal, match="no field"):
        events(b'data: {}\n{"a":1}\n\n', 100)


@pytest.mark.parametrize(
    "kind",
    [
        "application/pdf", "image/png", "application/octet-stream", "application/gzip",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ],
)  # fmt: skip
def test_a_file_comes_as_it_is(kind: str) -> None:
    """There is no text in it that a model said; JSON and text that aren't are refused."""
    assert read_answer(FILES, answered(b"%PDF\xe2\xe3", kind), 100).answer.texts == ()
    for other in ("application/json", "text/plain"):
        with pytest.raises(Refusal):
            read_answer(FILES, answered(b"%PDF\xe2\xe3", other), 100)
