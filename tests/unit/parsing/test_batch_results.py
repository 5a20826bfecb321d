"""A batch's results are read line by line, each in its own dialect's shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.calls.call import Answer, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.matching.catalogue import known_operations
from helm_boundary.parsing.batch_results import Line, merged, read_results


def operation(*path: str) -> Operation:
    """Return what a GET of that path is."""
    found = known_operations().find("GET", path)
    assert found is not None
    return found


FILE = operation("files", "f", "content")
RESULTS = operation("messages", "batches", "b", "results")

CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CHAT = {"model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": None,
        "tool_calls": [CALL]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3}}  # fmt: skip
RESPONSE = {"object": "response", "status": "completed", "output": [
    {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}]}  # fmt: skip
MESSAGE = {"type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
           "content": [{"type": "tool_use", "id": "c", "name": "look", "input": {}}],
           "usage": {"input_tokens": 5, "output_tokens": 7}}  # fmt: skip


def of_openai(body: Any, **more: Any) -> bytes:
    """Return a line as OpenAI writes it."""
    told = {"status_code": 200, "request_id": "r", "body": body}
    return json.dumps(
        {"id": "b", "custom_id": "1", "response": told, "error": None, **more}
    ).encode()


def of_anthropic(message: Any, **more: Any) -> bytes:
    """Return a line as Anthropic writes it."""
    result = {"type": "succeeded", "message": message}
    return json.dumps({"custom_id": "1", "result": result, **more}).encode()


def read(body: bytes) -> tuple[Line, ...]:
    """Read the content of a file."""
    return read_results(FILE, 200, body)


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        (of_openai(CHAT), "/response/body/choices/0/message/tool_calls/0"),
        (of_openai(RESPONSE), "/response/body/output/0"),
        (of_anthropic(MESSAGE), "/result/message/content/0"),
    ],
)
def test_each_answer_is_read_in_its_dialect(line: bytes, pointer: str) -> None:
    """With pointers into its line."""
    (found,) = read(line)
    assert isinstance(found.answer, Answer)
    assert [(call.name, call.pointer) for call in found.answer.tool_calls] == [("look", pointer)]


def test_lines_are_kept_as_they_came() -> None:
    """Ends, blank lines and all."""
    body = of_openai(CHAT) + b"\r\n\n" + of_openai(RESPONSE) + b"\n"
    assert b"".join(line.raw for line in read(body)) == body
    assert [line.is_blank for line in read(body)] == [False, True, False]
    assert [line.end for line in read(body)] == [b"\r\n", b"\n", b"\n"]


def test_results_as_one_answer_have_everything() -> None:
    """For receipts, and for a person."""
    told = merged(read(of_openai(CHAT) + b"\n" + of_anthropic(MESSAGE) + b"\n{"))
    assert [call.pointer.split("/")[1] for call in told.tool_calls] == ["0", "1"]
    assert (told.usage.input_tokens, told.usage.output_tokens, told.model) == (7, 10, "m")
    assert told.finish_reasons == ("tool_calls", "tool_use")


@pytest.mark.parametrize(
    "line",
    [
        b"#",
        b"[]",
        b'"x"',
        b'{"custom_id": "1", "custom_id": "2", "response": {}}',
        of_openai(CHAT, result={"message": MESSAGE}),
        of_openai(CHAT, tool_calls=[CALL]),
        of_openai(CHAT, Response={"body": CHAT}),
        of_openai({**CHAT, **RESPONSE}),
        of_openai({**CHAT, "Choices": CHAT["choices"]}),
        of_openai({"object": "response", "output": [{"type": "message", "x": RESPONSE["output"]}]}),
        of_anthropic({**MESSAGE, "content": "x", "tool_calls": [CALL]}),
        json.dumps({"custom_id": "1", "response": {"body": CHAT, "Body": CHAT}}).encode(),
    ],
)
def test_a_line_with_two_readings_is_a_doubt(line: bytes) -> None:
    """It says why."""
    found = read(of_openai(CHAT) + b"\n" + line)[1]
    assert isinstance(found.answer, Refusal)


@pytest.mark.parametrize(
    "line",
    [
        of_openai({"error": {"message": "too long"}}),
        of_openai(
            {"object": "list", "data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 1}}
        ),
        of_openai({"object": "text_completion", "choices": [{"text": "hi", "index": 0}]}),
        of_openai({"id": "modr", "model": "m", "results": [{"flagged": False}]}),
        b'{"custom_id": "1", "response": null, "error": {"code": "expired", "message": "late"}}',
        b'{"custom_id": "1", "result": {"type": "errored", "error": {"type": "error"}}}',
        b'{"custom_id": "1", "result": {"type": "expired"}}',
    ],
)
def test_what_is_no_tool_call_is_read_as_well(line: bytes) -> None:
    """Errors, embeddings, completions of old."""
    found = read(of_openai(CHAT) + b"\n" + line)[1]
    assert isinstance(found.answer, Answer)
    assert found.answer.tool_calls == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"some text\nand more",
        b'{"messages": [{"role": "user", "content": "train me"}]}\n' * 2,
        b'{"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": {}}\n',
        b"\x89PNG\r\n\x1a\n\x00",
    ],
)
def test_other_files_are_no_results(body: bytes) -> None:
    """They are judged as what they are."""
    assert read(body) == ()


def test_results_of_messages_are_known_by_their_address() -> None:
    """Whatever is in them."""
    assert len(read_results(RESULTS, 200, b"#\n" + of_anthropic(MESSAGE))) == 2


def test_an_answer_written_over_several_lines_is_one() -> None:
    """An error in the place of results, say."""
    (line,) = read_results(RESULTS, 200, b'{"type": "error",\n "error": {"message": "gone"}}')
    assert isinstance(line.answer, Answer)


def test_a_part_of_results_is_refused() -> None:
    """Its lines may be cut."""
    with pytest.raises(Refusal, match="a part"):
        read_results(FILE, 206, of_openai(CHAT))
