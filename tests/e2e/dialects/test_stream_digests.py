"""The outcome of a stream has a digest of what left, which the folder's keys open."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from helm_receipts.envelope.record import Record
from helm_receipts.envelope.statement import RECEIVED, STREAM
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from helm_receipts.recording.openings import opens
from support import chat
from support.boundary import Boundary
from support.upstream import Reply, Upstream


def outcome_of(boundary: Boundary, answer: httpx.Response) -> Record:
    """Return the outcome of an answer's call, which is written when its stream is over."""
    call = answer.headers["X-Helm-Correlation-Id"]
    for _ in range(100):
        for record in read_records(Layout(boundary.state).journal):
            said = record.predicate
            if said["phase"] == "outcome" and said["flow"]["correlationId"] == call:
                return record
        time.sleep(0.1)
    raise AssertionError(f"no outcome of {call}")


def ask(boundary: Boundary, **changes: Any) -> httpx.Response:
    """Ask for a chat completion, which streams."""
    asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    url = f"{boundary.url}/v1/chat/completions"
    return httpx.post(url, json={**asked, **changes}, timeout=20)


@pytest.mark.parametrize("calls", [(), (chat.ToolCall("look", "{}"),)], ids=["text", "a call"])
def test_a_streams_digest_is_of_what_the_client_got(
    boundary: Boundary, upstream: Upstream, calls: tuple[chat.ToolCall, ...]
) -> None:
    """Whoever kept the stream can show that it is the one that was receipted."""
    upstream.answer(lambda request: chat.reply_to_chat(request, chat.Turn("Hello", calls)))
    got = ask(boundary)
    record, keys = outcome_of(boundary, got), Layout(boundary.state).keys
    assert opens(keys, record, STREAM, got.content)
    assert not opens(keys, record, STREAM, got.content[:-1])


def test_a_denied_streams_digest_is_of_what_left_before(
    boundary: Boundary, upstream: Upstream
) -> None:
    """The denial's own event isn't the provider's."""
    turn = chat.Turn("Hello", (chat.ToolCall("rm_rf", "{}"),))
    upstream.answer(lambda request: chat.reply_to_chat(request, turn))
    got = ask(boundary)
    left, denial, _ = got.content.partition(b'data: {"error"')
    record = outcome_of(boundary, got)
    assert denial
    assert record.predicate["verdict"] == "DENY"
    assert opens(Layout(boundary.state).keys, record, STREAM, left)


def test_a_whole_answers_digest_is_of_its_body(boundary: Boundary, upstream: Upstream) -> None:
    """It has no stream's."""
    got = ask(boundary, stream=False)
    record = outcome_of(boundary, got)
    assert opens(Layout(boundary.state).keys, record, "response", got.content)
    assert STREAM not in {subject["name"] for subject in record.statement["subject"]}


def test_a_rewritten_answer_has_digests_of_both_bodies(upstream: Upstream, tmp_path: Path) -> None:
    """Of the body that the client got, and of the one that came from upstream."""
    (tmp_path / "policy").mkdir()
    data = {"personal": {"response": "redact"}, "rules": {"models.unlisted": "off"}}
    (tmp_path / "policy/data.yaml").write_text(json.dumps(data))
    address = "jane.doe@corp.example"
    asked = {"model": "m", "messages": []}
    came = json.dumps(chat.completion_of(asked, (chat.Turn(f"It is {address}."),))).encode()
    upstream.answer(lambda _: Reply.of(came, "application/json"))
    with Boundary(upstream, state=tmp_path / "state", policy=tmp_path / "policy") as running:
        got = ask(running, stream=False)
        record = outcome_of(running, got)
    keys = Layout(running.state).keys
    assert address.encode() in came
    assert address not in got.text
    assert opens(keys, record, "response", got.content)
    assert opens(keys, record, RECEIVED, came)
