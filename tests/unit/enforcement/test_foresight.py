"""A receipt that was prepared while policy decided counts only if that was decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.calls.call import HttpRequest, HttpResponse
from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.enforcement.reply import Forward, Reply
from helm_boundary.enforcement.responses import Release
from helm_boundary.policy.decision import Decision
from helm_boundary.policy.engines.engine import NO_TURN, Turn
from helm_boundary.runtime.startup import Running, start
from helm_boundary.streaming.tap import Tap
from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope.key_files import load
from helm_receipts.envelope.statement import Draft
from helm_receipts.journal.records import read_records
from support.without_proxy import configured

JSON = (("content-type", "application/json"),)
ALONE = Turn(0.001)
CALLED = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4.1-mini",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}],
    }}],
}  # fmt: skip
RULES = """package helm

decision := {"verdict": "DENY", "reasons": [reason]} if input.phase == denied
decision := {"verdict": "ALLOW", "reasons": [], "stream": "pass"} if input.phase != denied

denied := "nothing" if not input.model in {"no request", "no response"}
denied := "request" if input.model == "no request"
denied := "response" if input.model == "no response"

reason := {"code": "NO", "rule": "helm", "message": "no", "finality": "class_forbidden"}
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Start a boundary without a proxy, under a policy that denies some models in either phase."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "main.rego").write_text(RULES)
    boundary = start(configured(tmp_path / "policy", tmp_path / "state"))
    yield boundary
    boundary.close()


async def recognised(running: Running, model: str) -> Exchange:
    """Begin a chat completion."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]})
    path = "/v1/chat/completions"
    sent = HttpRequest(
        "POST", "https", "api.openai.com", 443, path, "", JSON, body.encode(), flow_id=f"f-{model}"
    )
    begun = await running.boundary.recognise(sent)
    assert begun is not None
    return begun


async def exchange(running: Running, model: str) -> Reply | Release | None:
    """Run a whole call; return what came in place of its request, or of its response."""
    begun = await recognised(running, model)
    judged = await running.boundary.judge_request(begun, ALONE)
    if not isinstance(judged, Forward):
        assert isinstance(judged, Reply)
        return judged
    answer = HttpResponse(200, JSON, json.dumps(CALLED).encode())
    answered = await running.answers.judge_response(begun, answer, ALONE)
    assert isinstance(answered, Reply | Release)
    return answered


def said(running: Running) -> list[tuple[str, str, list[str]]]:
    """List phase, verdict and tool calls' verdicts of each receipt of a call."""
    found = [record.predicate for record in read_records(running.state / "journal")]
    return [
        (each["phase"], each["verdict"], [call["verdict"] for call in each.get("toolCalls", [])])
        for each in found
        if "flow" in each
    ]


@pytest.mark.parametrize(
    ("model", "receipts"),
    [
        ("any", [("request", "ALLOW", []), ("outcome", "ALLOW", ["ALLOW"])]),
        ("no request", [("request", "DENY", []), ("outcome", "DENY", [])]),
        ("no response", [("request", "ALLOW", []), ("outcome", "DENY", ["DENY"])]),
    ],
)
def test_the_receipts_say_what_was_decided(
    running: Running, model: str, receipts: list[tuple[str, str, list[str]]]
) -> None:
    """Whatever was foreseen."""
    foreseen: list[Draft] = []
    foresee = running.recorder.foresee

    def noted(draft: Draft) -> None:
        foreseen.append(draft)
        foresee(draft)

    running.recorder.foresee = noted  # type: ignore[method-assign]
    answered = asyncio.run(exchange(running, model))
    assert isinstance(answered, Release) == (model == "any")
    assert said(running) == receipts
    assert {draft.verdict for draft in foreseen} == {"ALLOW"}


def interrupted(running: Running, by: Callable[[], Any]) -> None:
    """Run `by` each time policy is asked, after the receipt has been prepared."""
    decide = running.engine.decide

    async def decide_late(document: bytes, turn: Turn = NO_TURN) -> Decision:
        turn.meanwhile()
        await by()
        return await decide(document)

    running.engine.decide = decide_late  # type: ignore[method-assign]


def test_a_client_that_leaves_meanwhile_has_nothing_allowed(running: Running) -> None:
    """Its outcome names no tool call as allowed that policy hasn't spoken of."""

    async def leave() -> Reply | Release | object:
        begun = await recognised(running, "any")
        assert await running.boundary.judge_request(begun, ALONE) == Forward()
        interrupted(running, lambda: running.answers.abandon(begun, "client_gone"))
        answer = HttpResponse(200, JSON, json.dumps(CALLED).encode())
        return await running.answers.judge_response(begun, answer, ALONE)

    assert isinstance(asyncio.run(leave()), Reply)
    assert said(running) == [("request", "ALLOW", []), ("outcome", "ALLOW", [])]


def test_a_client_that_leaves_at_the_end_has_each_tool_call_once(running: Running) -> None:
    """A stream that passed is judged at its end, and again for who has left: one outcome."""
    made: Any = CALLED["choices"]
    told = {"choices": [{"index": 0, "delta": made[0]["message"]}]}
    events = b"data: %s\n\ndata: [DONE]\n\n" % json.dumps(told).encode()

    async def leave() -> None:
        begun = await recognised(running, "any")
        assert await running.boundary.judge_request(begun, ALONE) == Forward()
        stream = HttpResponse(200, (("content-type", "text/event-stream"),))
        tap = running.answers.begin(begun, stream)
        assert isinstance(tap, Tap)
        tap.feed(events)
        answers = running.answers
        await asyncio.gather(answers.streamed.end(begun), answers.abandon(begun, "client_gone"))

    asyncio.run(leave())
    assert said(running) == [("request", "ALLOW", []), ("outcome", "ALLOW", ["ALLOW"])]


def test_what_was_foreseen_of_an_earlier_answer_is_forgotten(running: Running) -> None:
    """A response is judged again where it was changed while it waited, or a person said yes."""

    async def judged_again() -> object:
        begun = await recognised(running, "any")
        assert await running.boundary.judge_request(begun, ALONE) == Forward()
        first = HttpResponse(200, JSON, json.dumps(CALLED).encode())
        draft = running.boundary.drafts.outcome(begun, Decision("ALLOW", ()), "killed")
        begun.progress.foreseen = draft  # of another answer, and beside other calls none is made
        return await running.answers.judge_response(begun, first)

    assert isinstance(asyncio.run(judged_again()), Release)
    assert said(running)[1] == ("outcome", "ALLOW", ["ALLOW"])


def test_others_that_are_recorded_meanwhile_come_first(running: Running) -> None:
    """Their receipts have the numbers that were foreseen; the chain holds."""

    async def both() -> None:
        others = iter(["no request", "any other"])

        async def another() -> None:
            name = next(others, None)
            if name is not None:
                await exchange(running, name)

        interrupted(running, another)
        await exchange(running, "any")

    asyncio.run(both())
    assert len(said(running)) == 6
    running.recorder.close()
    key = load(running.state / "keys" / "receipt.pem", "receipt").public
    assert verify_journal(running.state / "journal", [key]).calls == 3
