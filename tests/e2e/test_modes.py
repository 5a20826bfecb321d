"""The options that change what a verdict does: kill, observe; and the shipped policy."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import openai
import pytest

from support.scene import Scene, scene
from support.upstream import ToolCall, Turn, reply_to_chat

MESSAGES: Any = [{"role": "user", "content": "Hello"}]


def client_of(stage: Scene) -> openai.OpenAI:
    """Return a client of the SDK that asks once."""
    return openai.OpenAI(base_url=stage.boundary.url + "/v1", api_key="any", max_retries=0)


def test_on_deny_kill_closes_the_connection(tmp_path: Path) -> None:
    """No answer at all, receipts all the same; the SDK takes it for a network error and retries."""
    with scene(tmp_path, options={"helm_on_deny": "kill"}) as stage:
        with stage.untouched():
            answer = stage.chat(model="denied")
            assert answer.status == 0
            request, outcome = stage.records(answer.correlation)
            assert (request["verdict"], outcome["outcome"]["end"]) == ("DENY", "denied")
            with (
                client_of(stage) as client,
                pytest.raises(openai.APIConnectionError),
            ):
                client.chat.completions.create(model="denied", messages=MESSAGES)
        turn = Turn("Let me see.", (ToolCall("forbidden"),))
        stage.upstream.answer(lambda request: reply_to_chat(request, turn))
        answer = stage.chat()
        assert answer.status == 0
        stage.upstream.answer(lambda _: None)
        assert stage.chat().status == 200


def test_observe_lets_everything_pass_and_records_what_it_would_have_done(
    tmp_path: Path,
) -> None:
    """Denied, escalated, rewritten, unreadable, tool calls: all pass, OBSERVED, with receipts."""
    turn = Turn("Let me see.", (ToolCall("forbidden", '{"a": 1}'),))
    with scene(tmp_path, options={"helm_mode": "observe"}) as stage:
        for model, verdict in (
            ("denied", "DENY"),
            ("escalated", "ESCALATE"),
            ("ordinary", "ALLOW"),
        ):
            answer = stage.chat(model=model)
            assert answer.status == 200
            assert answer.headers["x-helm-status"] == "OBSERVED"
            assert answer.headers["x-helm-verdict"] == verdict
            request, _ = stage.records(answer.correlation)
            assert (request["verdict"], request["enforcement"]) == (verdict, "observed")
        private = [{"role": "user", "content": "private"}]
        stage.chat(model="redacted", messages=private)
        assert stage.upstream.requests[-1].json()["messages"] == private
        broken = b'{"model": "ordinary", "model": "denied", "messages": []}'
        answer = stage.post(broken)
        assert stage.upstream.requests[-1].body == broken
        request, outcome = stage.records(answer.correlation)
        assert request["reasons"][0]["code"] == "SCHEMA_VIOLATION"
        stage.upstream.answer(lambda request: reply_to_chat(request, turn))
        for stream in (False, True):
            answer = stage.chat(stream=stream)
            assert b"forbidden" in answer.body
            _, outcome = stage.records(answer.correlation)
            assert (outcome["verdict"], outcome["enforcement"]) == ("DENY", "observed")
            assert outcome["toolCalls"][0]["name"] == "forbidden"


def test_out_of_the_box_an_ordinary_chat_passes_and_secrets_dont(tmp_path: Path) -> None:
    """The shipped policy, without any option."""
    secret = "AKIA" + uuid.uuid4().hex[:16].upper().translate(str.maketrans("0189", "ABCD"))
    with scene(tmp_path, policy=None) as stage:
        assert stage.chat(model="gpt-4o").status == 200
        with stage.untouched():
            prompt = [{"role": "user", "content": f"my key is {secret}, keep it"}]
            answer = stage.chat(model="gpt-4o", messages=prompt)
            assert (answer.status, answer.code) == (403, "DATA_EGRESS_BLOCKED")
            assert secret.encode() not in answer.body
            for member in ("tool_call_id", "type", "id", "name"):
                hidden = [*MESSAGES, {"role": "user", "content": "x", member: secret}]
                assert stage.chat(model="gpt-4o", messages=hidden).code == "DATA_EGRESS_BLOCKED"
            assert stage.chat(model="mystery-model").code == "POLICY_VIOLATION"
        stage.chat(
            model="gpt-4o", messages=[{"role": "user", "content": "Write to ann@example.com"}]
        )
        assert b"ann@example.com" not in stage.upstream.requests[-1].body
        turn = Turn("", (ToolCall("rm", "{}"),))
        stage.upstream.answer(lambda request: reply_to_chat(request, turn))
        answer = stage.chat(model="gpt-4o")
        assert (answer.status, answer.headers["x-helm-verdict"]) == (403, "ESCALATE")
        stage.upstream.answer(lambda _: None)
        answer = stage.chat(model="gpt-4o")
        assert answer.status == 200
        assert secret not in stage.boundary.log
