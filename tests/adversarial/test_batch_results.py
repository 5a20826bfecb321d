"""Results of batches: the lines that policy denies stay here, and the others pass as they came."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.scene import Answer, Scene, assert_refused, scene
from support.upstream import Reply

FILE = "/v1/files/file-1/content"
RESULTS = "/v1/messages/batches/b/results"
LINES = "application/jsonl"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary for which every request to the upstream is a call."""
    with scene(tmp_path_factory.mktemp("results"), options={"helm_hosts": "127.0.0.1"}) as stage:
        yield stage


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start one that only observes."""
    options = {"helm_hosts": "127.0.0.1", "helm_mode": "observe"}
    with scene(tmp_path_factory.mktemp("watching"), options=options) as stage:
        yield stage


def openai(name: str = "look", said: str | None = None, **more: Any) -> bytes:
    """Return a line of OpenAI's results, with a tool call or a text."""
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
    message = {"role": "assistant", "content": said, **({} if said else {"tool_calls": [call]})}
    body = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    line = {
        "custom_id": name,
        "response": {"status_code": 200, "body": body},
        "error": None,
        **more,
    }
    return json.dumps(line).encode() + b"\n"


def anthropic(name: str = "look") -> bytes:
    """Return a line of Anthropic's results, with a tool call."""
    content = [{"type": "tool_use", "id": "c", "name": name, "input": {}}]
    usage = {"input_tokens": 1, "output_tokens": 2}
    message = {"type": "message", "role": "assistant", "model": "m", "content": content,
               "stop_reason": "tool_use", "usage": usage}  # fmt: skip
    result = {"type": "succeeded", "message": message}
    return json.dumps({"custom_id": name, "result": result}).encode() + b"\n"


def fetch(stage: Scene, path: str, body: bytes, kind: str = LINES, **headers: str) -> Answer:
    """Ask for results, and get these from the upstream."""
    more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    stage.upstream.answer(lambda _: Reply(200, (("Content-Type", kind), *more), (body,)))
    try:
        return stage.post(b"", path=path, method="GET", headers=())
    finally:
        stage.upstream.answer(lambda _: None)


def outcome(stage: Scene, answer: Answer) -> dict[str, Any]:
    """Return the outcome of a call, from its receipt."""
    found: dict[str, Any] = stage.records(answer.correlation)[-1]
    return found


ALLOWED = {FILE: openai() + b"\n" + openai("see"), RESULTS: anthropic() + anthropic("see")}


@pytest.mark.parametrize("path", ALLOWED)
def test_allowed_results_pass_byte_for_byte(stage: Scene, path: str) -> None:
    """The receipt withholds nothing."""
    answer = fetch(stage, path, ALLOWED[path])
    assert (answer.status, answer.body) == (200, ALLOWED[path])
    told = outcome(stage, answer)
    assert (told["verdict"], told["outcome"].get("withheld")) == ("ALLOW", None)
    assert [call["name"] for call in told["toolCalls"]] == ["look", "see"]


@pytest.mark.parametrize(
    "kind", [LINES, "application/octet-stream", "text/event-stream", "audio/x"]
)
@pytest.mark.parametrize(
    ("path", "line"), [(FILE, openai), (RESULTS, anthropic)], ids=["file", "results"]
)
def test_denied_lines_are_withheld_and_the_rest_passes(
    stage: Scene, path: str, line: Any, kind: str
) -> None:
    """Whatever they are labelled as; the receipt says which."""
    before, after = line(), b"\r\n" + line("see")
    answer = fetch(stage, path, before + line("forbidden") + after, kind)
    assert (answer.status, answer.body) == (200, before + after)
    told = outcome(stage, answer)
    assert told["verdict"] == "ALLOW"
    assert told["outcome"]["withheld"] == ["/1"]
    assert told["reasons"][0]["rule"] == "test.answer"
    assert told["reasons"][0]["pointer"].startswith("/1")
    verdicts = [(call["name"], call["verdict"]) for call in told["toolCalls"]]
    assert verdicts == [("look", "ALLOW"), ("forbidden", "DENY"), ("see", "ALLOW")]


@pytest.mark.parametrize(
    "doubtful",
    [
        b"#\n",
        b'{"custom_id":"1","custom_id":"2","response":{"body":{"choices":[]}}}\n',
        openai("see", result={"message": {"type": "message", "content": []}}),
        openai("see", tool_calls=[{"function": {"name": "forbidden", "arguments": "{}"}}]),
        openai("see", said="unspeakable"),
        openai("see").replace(b'"choices"', b'"Choices"'),
    ],
)
def test_doubtful_lines_are_withheld(stage: Scene, doubtful: bytes) -> None:
    """A reader that differs from us finds nothing in them."""
    answer = fetch(stage, FILE, openai() + doubtful + openai("see"))
    assert (answer.status, answer.body) == (200, openai() + openai("see"))
    assert outcome(stage, answer)["outcome"]["withheld"] == ["/1"]


def test_a_line_that_isnt_json_doesnt_hide_the_others(stage: Scene) -> None:
    """Nothing is left of this file, so it is refused."""
    answer = fetch(stage, FILE, b"#\n" + openai("forbidden"), "application/octet-stream")
    assert (answer.status, answer.headers["x-helm-verdict"]) == (403, "DENY")
    assert b"forbidden" not in answer.body
    assert "line 1 of the results" in answer.json()["error"]["message"]
    assert outcome(stage, answer)["outcome"].get("withheld") is None


def test_other_files_with_a_call_among_text_are_denied(stage: Scene) -> None:
    """A tool call in a line of theirs is one."""
    call = b'{"tool_calls": [{"function": {"name": "forbidden", "arguments": "{}"}}]}'
    answer = fetch(stage, FILE, b"# notes\n" + call)
    assert (answer.status, answer.code) == (403, "POLICY_VIOLATION")


def test_compressed_results_are_judged_too(stage: Scene) -> None:
    """What passes then comes plain, with the length that it has."""
    coded = gzip.compress(openai() + openai("forbidden"))
    answer = fetch(stage, FILE, coded, Content_Encoding="gzip")
    assert (answer.status, answer.body) == (200, openai())
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(openai()))


def test_a_line_that_needs_a_person_keeps_the_whole_here(stage: Scene) -> None:
    """Nobody has refused it, so it isn't cut out."""
    answer = fetch(stage, FILE, openai() + openai("needs_person"))
    assert (answer.status, answer.headers["x-helm-verdict"]) == (403, "ESCALATE")
    assert "line 2 of the results" in answer.json()["error"]["message"]


def test_a_part_of_results_is_refused(stage: Scene) -> None:
    """Its lines may be cut."""
    reply = Reply(206, (("Content-Type", LINES), ("Content-Range", "bytes 0-9/99")), (openai(),))
    stage.upstream.answer(lambda _: reply)
    assert stage.post(b"", path=FILE, method="GET", headers=()).code == "SCHEMA_VIOLATION"
    stage.upstream.answer(lambda _: None)


def test_observing_withholds_nothing(watching: Scene) -> None:
    """The receipt says what would have been, and that nothing was enforced."""
    body = openai() + openai("forbidden")
    answer = fetch(watching, FILE, body)
    assert (answer.status, answer.body) == (200, body)
    told = outcome(watching, answer)
    assert (told["enforcement"], told["outcome"]["withheld"]) == ("observed", ["/1"])


def test_an_upload_names_every_line_that_is_refused(stage: Scene) -> None:
    """Its client can mend them all at once."""
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions"}
    models = ["ordinary", "denied", "ordinary", "denied"]
    lines = [
        json.dumps({**line, "body": {"model": model, "messages": [
            {"role": "user", "content": "hi"}]}})
        for model in models
    ]  # fmt: skip
    answer = upload(stage, "\n".join(lines).encode())
    assert_refused(stage, answer, "POLICY_VIOLATION")
    message = answer.json()["error"]["message"]
    assert "line 2 of the batch" in message
    assert "line 4" in message
    assert "line 3" not in message
    pointers = [reason["pointer"] for reason in stage.records(answer.correlation)[0]["reasons"]]
    assert pointers == ["/file/1/body", "/file/3/body"]


def test_an_upload_names_every_line_that_cant_be_read(stage: Scene) -> None:
    """As many as are worth naming."""
    answer = upload(stage, b"{\n" * 30)
    assert_refused(stage, answer, "SCHEMA_VIOLATION")
    message = answer.json()["error"]["message"]
    assert "line 1 of the batch" in message
    assert "line 10:" in message
    assert "line 11" not in message


@pytest.mark.parametrize("beside", [{"Body": {}}, {"model": "denied"}, {"x": {"tools": ["shell"]}}])
def test_a_line_that_asks_for_more_beside_its_body_is_refused(
    stage: Scene, beside: dict[str, Any]
) -> None:
    """A server may take either."""
    body = {"model": "ordinary", "messages": []}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    answer = upload(stage, json.dumps({**line, **beside}).encode())
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


def upload(stage: Scene, lines: bytes) -> Answer:
    """Upload a batch's file, which the upstream doesn't get."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\n'
        b'Content-Disposition: form-data; name="file"; filename="b.jsonl"\r\n\r\n'
        + lines + b"\r\n--b--\r\n"
    )  # fmt: skip
    with stage.untouched():
        return stage.post(
            body, path="/v1/files", headers=[("Content-Type", "multipart/form-data; boundary=b")]
        )
