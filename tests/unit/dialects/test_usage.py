"""What an answer cost, which model gave it and how it ended, wherever providers say so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.calls.call import Answer, Operation, Usage
from helm_boundary.dialects import dialect, reader_of
from helm_boundary.streaming.sse import EventCutter
from support import chat
from support.responses import typed_event

COUNTS = {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17}
CHOICE = {"index": 0, "delta": {"content": "hi"}}
END = {"index": 0, "delta": {}, "finish_reason": "stop"}


def read(name: str, *events: bytes) -> tuple[Answer, bool]:
    """Return what a stream has said at its end, and whether it ended well."""
    stream = dialect(name).open_stream(200)
    assert stream is not None
    for each in EventCutter(10_000).feed(b"".join(events)):
        stream.read(each)
    return stream.answer(), stream.done


USAGE: dict[str, tuple[dict[str, Any], Usage]] = {
    "at the top": ({"choices": [], "usage": COUNTS}, Usage(10, 7)),
    "in a choice": ({"choices": [{**END, "usage": COUNTS}]}, Usage(10, 7)),
    "in Groq's member": ({"choices": [END], "x_groq": {"usage": COUNTS}}, Usage(10, 7)),
    "as floats": (
        {"choices": [], "usage": {"prompt_tokens": 10.0, "completion_tokens": 7.5}},
        Usage(10, None),
    ),
    "apart": (
        {
            "choices": [],
            "usage": {
                **COUNTS,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1},
            },
        },
        Usage(10, 7, 4, None, 3, 2, 1),
    ),
    "in no numbers": ({"choices": [], "usage": {"prompt_tokens": "10"}}, Usage()),
}


@pytest.mark.parametrize("case", USAGE)
def test_a_chats_usage_is_found(case: str) -> None:
    """In a stream and in a whole answer."""
    said, usage = USAGE[case]
    assert read("chat", chat.event(said))[0].usage == usage
    choices = [{**choice, "message": {"content": "hi"}} for choice in said["choices"]]
    whole = {**said, "choices": [{k: v for k, v in c.items() if k != "delta"} for c in choices]}
    assert dialect("chat").read_response(200, whole).usage == usage


def test_a_messages_usage_is_added_up() -> None:
    """Its start counts what went in, its end what came out; what is left out stays."""
    start = {"input_tokens": 25, "output_tokens": 1, "cache_read_input_tokens": 5,
             "cache_creation_input_tokens": 6}  # fmt: skip
    answer, done = read(
        "messages",
        typed_event({"type": "message_start", "message": {"content": [], "usage": start}}),
        typed_event({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                     "usage": {"output_tokens": 9}}),
        typed_event({"type": "message_stop"}),
    )  # fmt: skip
    assert answer.usage == Usage(25, 9, 5, 6)
    assert (answer.finish_reasons, done) == (("end_turn",), True)


def test_what_has_a_price_of_its_own_is_counted_apart() -> None:
    """Anthropic's cache for an hour and its searches, and pictures as OpenAI counts them."""
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_creation_input_tokens": 50,
             "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
             "server_tool_use": {"web_search_requests": 2}}  # fmt: skip
    body = {"type": "message", "content": [], "usage": usage}
    expected = Usage(3, 4, None, 50, cache_write_1h_tokens=30, web_searches=2)
    assert dialect("messages").read_response(200, body).usage == expected
    details = {"input_tokens_details": {"image_tokens": 8, "text_tokens": 2}}
    body = {"data": [], "usage": {"input_tokens": 10, "output_tokens": 90, **details}}
    assert dialect("generic").read_response(200, body).usage == Usage(10, 90, input_image_tokens=8)


def test_what_geminis_own_tools_say_is_input() -> None:
    """It is billed as such, and so is what was thought as output."""
    counts = {"promptTokenCount": 5, "candidatesTokenCount": 2, "toolUsePromptTokenCount": 70,
              "thoughtsTokenCount": 11, "cachedContentTokenCount": 4}  # fmt: skip
    body = {"candidates": [], "responseId": "r-1", "usageMetadata": counts}
    answer = dialect("gemini").read_response(200, body)
    assert answer.usage == Usage(75, 13, 4, reasoning_tokens=11)
    assert answer.id == "r-1"


def test_the_tokens_of_embeddings_count() -> None:
    """In an operation without a dialect of its own."""
    body = {"data": [], "model": "e", "usage": {"prompt_tokens": 7, "total_tokens": 7}}
    assert dialect("generic").read_response(200, body).usage == Usage(7, None)


def test_a_model_that_was_said_stays_said() -> None:
    """Azure's last chunk names none."""
    chunks = ({"model": "m", "choices": [CHOICE]}, {"model": "", "choices": [END]})
    assert read("chat", *map(chat.event, chunks))[0].model == "m"


ENDS: dict[str, tuple[str, list[bytes], tuple[str, ...], bool]] = {
    "an end without a reason": ("chat", [chat.event({"choices": [CHOICE]}), chat.DONE], (), True),
    "a reason without an end": ("chat", [chat.event({"choices": [END]})], ("stop",), True),
    "neither": ("chat", [chat.event({"choices": [CHOICE]})], (), False),
    "an error": ("chat", [chat.event({"error": "full"}), chat.DONE], (), False),
    "an error after text": (
        "chat",
        [chat.event({"choices": [CHOICE]}), chat.event({"error": {"message": "x"}})],
        (),
        False,
    ),
    "no error": ("chat", [chat.event({"error": None, "choices": [END]})], ("stop",), True),
    "a message's error": ("messages", [typed_event({"type": "error", "error": {}})], (), False),
    "a response that failed": (
        "responses",
        [typed_event({"type": "response.failed", "response": {"status": "failed"}})],
        ("failed",),
        False,
    ),
    "an error, and a response that failed": (
        "responses",
        [
            typed_event({"type": "error", "message": "x"}),
            typed_event({"type": "response.failed", "response": {"status": "failed"}}),
        ],
        ("failed",),
        False,
    ),
    "a response that was cut off": (
        "responses",
        [typed_event({"type": "response.incomplete", "response": {"status": "incomplete"}})],
        ("incomplete",),
        True,
    ),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_stream_ends_as_it_said(case: str) -> None:
    """No reason is made up, and what failed inside isn't complete."""
    name, stream, reasons, done = ENDS[case]
    answer, ended = read(name, *stream)
    assert (answer.finish_reasons, ended) == (reasons, done)


def test_an_answer_without_a_reason_has_none() -> None:
    """An empty one isn't one either."""
    for name, body in (
        ("chat", {"choices": [{"message": {"content": "x"}, "finish_reason": ""}]}),
        ("completions", {"choices": [{"text": "x"}]}),
        ("messages", {"content": []}),
        ("responses", {"output": []}),
    ):
        assert dialect(name).read_response(200, body).finish_reasons == ()


def generated(text: str, asked: int, made: int) -> dict[str, Any]:
    """Write what watsonx.ai says of a text that it generates."""
    counts = {"input_token_count": asked, "generated_token_count": made}
    result = {"generated_text": text, **counts, "stop_reason": "eos_token"}
    return {"model_id": "ibm/granite", "results": [result]}


def test_a_generated_text_is_counted_in_its_result() -> None:
    """Events tell the input once, and what was generated so far."""
    operation = Operation("text", "inference", "watsonx", "POST", "/", loose=True)
    whole = reader_of(operation).read_response(200, generated("a b", 68, 2))
    stream = reader_of(operation).open_stream(200)
    assert stream is not None
    told = [generated("", 68, 0), generated("a", 0, 1), generated(" b", 0, 2)]
    written = b"".join(b"event: message\ndata: %s\n\n" % json.dumps(each).encode() for each in told)
    for event in EventCutter(10_000).feed(written):
        stream.read(event)
    for answer in (whole, stream.answer()):
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (68, 2)
        assert answer.model == "ibm/granite"
        assert "a b" in [text.text for text in answer.texts]
