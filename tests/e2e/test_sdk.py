"""A program with the OpenAI SDK and what it sees of the boundary: typed answers, typed refusals."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from typing import Any

import openai
import pytest
from openai import APIError, PermissionDeniedError

from e2e.conftest import Desk
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.scene import Scene
from support.upstream import (
    DONE,
    Pause,
    Recorded,
    Reply,
    ToolCall,
    Turn,
    event,
    reply_to_chat,
)

MESSAGES: Any = [{"role": "user", "content": "Hello"}]
SECRET_ARGUMENTS = '{"path": "/etc/shadow"}'
FORBIDDEN = ToolCall("forbidden", SECRET_ARGUMENTS)
PERSON = ToolCall("needs_person", SECRET_ARGUMENTS)
HARMLESS = ToolCall("get_weather", '{"city": "Genève", "unit": "celsius"}')


def new_id() -> dict[str, str]:
    """Return a correlation id of the test's own, by which it finds its receipts."""
    return {"X-Helm-Correlation-Id": str(uuid.uuid4())}


def say(desk: Desk, *turns: Turn) -> None:
    """Let the upstream answer with these turns."""
    desk.scene.upstream.answer(lambda request: reply_to_chat(request, *turns))


def assert_receipts(scene: Scene, headers: dict[str, str], *said: tuple[str, str]) -> list[Any]:
    """Assert the phases and verdicts of a call's receipts; return their predicates."""
    records = scene.records(headers["X-Helm-Correlation-Id"], len(said))
    assert [(r["phase"], r["verdict"]) for r in records] == list(said)
    return records


PASSED = (("request", "ALLOW"), ("outcome", "ALLOW"))


def test_an_allowed_call_passes_unchanged(desk: Desk, client: openai.OpenAI) -> None:
    """The upstream gets the SDK's own body and credential; no header of ours goes up."""
    headers = new_id()
    raw = client.chat.completions.with_raw_response.create(
        model="ordinary", messages=MESSAGES, extra_headers=headers
    )
    assert raw.parse().choices[0].message.content == "Hello from the upstream."
    seen = desk.scene.upstream.requests[-1]
    assert seen.json() == {"model": "ordinary", "messages": MESSAGES}
    assert seen.header("authorization") == f"Bearer {desk.api_key}"
    assert not [name for name, _ in seen.headers if name.startswith("x-helm")]
    request, _ = assert_receipts(desk.scene, headers, *PASSED)
    told = {name: value for name, value in raw.headers.items() if name.startswith("x-helm")}
    assert told == {
        "x-helm-verdict": "ALLOW",
        "x-helm-status": "APPROVED",
        "x-helm-receipt-id": receipt_id(request),
        "x-helm-policy-digest": request["policy"]["digest"]["sha256"],
        "x-helm-correlation-id": headers["X-Helm-Correlation-Id"],
    }


def receipt_id(predicate: Any) -> str:
    """Return the id that a receipt's place in its journal gives it."""
    sequence = predicate["sequence"]
    return f"{sequence['writer']}-{sequence['number']:06d}"


def test_receipts_hold_no_content_and_no_credential(desk: Desk, client: openai.OpenAI) -> None:
    """Bodies and keys are in them as keyed hashes only."""
    client.chat.completions.create(
        model="ordinary", messages=[{"role": "user", "content": "a very particular sentence"}]
    )
    journal = b"".join(
        record.envelope + json.dumps(record.statement).encode()
        for record in read_records(Layout(desk.scene.boundary.state).journal)
    )
    plain = hashlib.sha256(desk.api_key.encode()).hexdigest()
    for secret in (desk.api_key, plain, "particular", "Hello from"):
        assert secret.encode() not in journal
    assert desk.api_key not in desk.scene.boundary.log


def test_the_request_receipt_is_durable_before_the_upstream_sees_anything(
    desk: Desk, client: openai.OpenAI
) -> None:
    """When the first byte of a call arrives, its receipt can be read from the disk."""
    headers = new_id()
    found: list[str] = []

    def look(request: Recorded) -> Reply | None:
        found.extend(
            record.predicate["phase"]
            for record in read_records(Layout(desk.scene.boundary.state).journal)
            if record.predicate.get("flow", {}).get("correlationId")
            == headers["X-Helm-Correlation-Id"]
        )
        return None

    desk.scene.upstream.answer(look)
    client.chat.completions.create(model="ordinary", messages=MESSAGES, extra_headers=headers)
    assert found == ["request"]


@pytest.mark.parametrize(
    ("model", "kind", "code"),
    [("denied", "helm_denied", "POLICY_VIOLATION"), ("escalated", "helm_escalated", None)],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_call_is_one_typed_exception(
    desk: Desk, client: openai.OpenAI, model: str, kind: str, code: str | None, *, stream: bool
) -> None:
    """One request from the SDK, PermissionDeniedError with the code, and silence upstream."""
    headers = new_id()
    with desk.scene.untouched(), pytest.raises(PermissionDeniedError) as refused:
        client.chat.completions.create(
            model=model, messages=MESSAGES, stream=stream, extra_headers=headers
        )
    error = refused.value
    assert (error.type, error.code) == (kind, error.body["reason_code"])  # type: ignore[index]
    assert code in (None, error.code)
    verdict = "DENY" if model == "denied" else "ESCALATE"
    request, outcome = assert_receipts(
        desk.scene, headers, ("request", verdict), ("outcome", verdict)
    )
    assert error.response.json()["helm"]["receipt_id"] == receipt_id(request)
    assert outcome["outcome"]["end"] == "denied"


def test_a_verdict_body_has_exactly_what_the_contract_says(
    desk: Desk, client: openai.OpenAI
) -> None:
    """The members of the error object, of `helm`, and the headers."""
    with pytest.raises(PermissionDeniedError) as refused:
        client.chat.completions.create(model="denied", messages=MESSAGES)
    body = refused.value.response.json()
    assert set(body) == {"error", "helm"}
    assert body["error"] == {
        "message": "helm-boundary denied this call: Denied by its name.",
        "type": "helm_denied",
        "param": None,
        "code": "POLICY_VIOLATION",
        "reason_code": "POLICY_VIOLATION",
        "rule": "test.denied",
        "openai_type": "invalid_request_error",
    }
    assert body["helm"]["reasons"] == [
        {
            "code": "POLICY_VIOLATION",
            "rule": "test.denied",
            "message": "Denied by its name.",
            "finality": "instance_parameter",
        }
    ]
    assert set(body["helm"]) == {
        "verdict", "reasons", "receipt_id", "policy_digest", "correlation_id",
    }  # fmt: skip
    headers = refused.value.response.headers
    assert headers["x-should-retry"] == "false"
    assert headers["x-helm-status"] == "DENIED"
    assert headers["x-helm-reason-code"] == "POLICY_VIOLATION"
    assert headers["x-helm-receipt-id"] == body["helm"]["receipt_id"]
    assert headers["x-helm-policy-digest"] == body["helm"]["policy_digest"]
    assert headers["x-helm-correlation-id"] == body["helm"]["correlation_id"]


def test_an_escalated_call_says_how_to_ask_for_it(desk: Desk, client: openai.OpenAI) -> None:
    """An approval id and when it expires."""
    with pytest.raises(PermissionDeniedError) as refused:
        client.chat.completions.create(model="escalated", messages=MESSAGES)
    approval = refused.value.response.json()["helm"]["approval"]
    assert set(approval) == {"id", "expires_at"}
    assert refused.value.response.headers["x-helm-status"] == "ESCALATED"


def test_a_rewritten_call_arrives_rewritten(desk: Desk, client: openai.OpenAI) -> None:
    """The upstream gets the redacted body and a length that fits it; the receipt says so."""
    headers = new_id()
    content = "My näme is private, 😀 so cut it."
    client.chat.completions.create(
        model="redacted", messages=[{"role": "user", "content": content}], extra_headers=headers
    )
    seen = desk.scene.upstream.requests[-1]
    assert seen.json()["messages"][0]["content"] == "My näme is [cut], 😀 so cut it."
    assert seen.header("content-length") == str(len(seen.body))
    request, _ = assert_receipts(desk.scene, headers, *PASSED)
    assert request["rewrite"]["operations"] == 1


def test_an_allowed_stream_is_the_upstreams_own_bytes(desk: Desk, client: openai.OpenAI) -> None:
    """Comments, odd line ends, split characters: what was sent is what arrives, to the byte."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    text = event({**chunk, "choices": [{"index": 0, "delta": {"content": "näh 😀"}}]})
    text = text.decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16").encode()
    sent = (
        b": a comment\n\n" + text[:31] + text[31:] + b"\n\n"
        b"event: message\r\nid: 7\r\nretry: 5\r\ndata: " + text[6:-2] + b"\r\n\r\n"
        + event({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        + DONE
    )  # fmt: skip
    pieces = [sent[at : at + 7] for at in range(0, len(sent), 7)]
    desk.scene.upstream.answer(lambda _: Reply.events(*pieces))
    headers = new_id()
    with client.chat.completions.with_streaming_response.create(
        model="ordinary", messages=MESSAGES, stream=True, extra_headers=headers
    ) as response:
        assert b"".join(response.iter_bytes()) == sent
        assert response.headers["x-helm-verdict"] == "ALLOW"
    _, outcome = assert_receipts(desk.scene, headers, *PASSED)
    assert outcome["outcome"]["finishReasons"] == ["stop"]


def test_text_arrives_before_the_stream_is_complete(desk: Desk, client: openai.OpenAI) -> None:
    """A stream isn't collected: the first event is there before the second has been sent."""
    first = event({"choices": [{"index": 0, "delta": {"content": "now"}}]})
    desk.scene.upstream.answer(lambda _: Reply.events(first, Pause(30), DONE))
    stream = client.chat.completions.create(
        model="ordinary", messages=MESSAGES, stream=True, timeout=5
    )
    assert next(iter(stream)).choices[0].delta.content == "now"
    stream.close()


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("calls", [(HARMLESS,), (HARMLESS, ToolCall("search", '{"q": 1}'))])
def test_allowed_tool_calls_come_through_a_stream_whole(
    desk: Desk, client: openai.OpenAI, n: int, calls: tuple[ToolCall, ...]
) -> None:
    """Parallel ones and several choices; a receipt for them is written before they leave."""
    say(desk, Turn("Let me see.", calls))
    headers = new_id()
    with client.chat.completions.stream(
        model="ordinary", messages=MESSAGES, n=n, extra_headers=headers
    ) as stream:
        completion = stream.get_final_completion()
    for choice in completion.choices:
        found = choice.message.tool_calls or []
        assert [(c.function.name, c.function.arguments) for c in found] == [
            (call.name, call.arguments) for call in calls
        ]
    assert len(completion.choices) == n
    records = assert_receipts(
        desk.scene, headers, ("request", "ALLOW"), ("tool_call", "ALLOW"), ("outcome", "ALLOW")
    )
    assert len(records[1]["toolCalls"]) == n * len(calls)


REFUSED_TOOLS = {
    "denied": ((FORBIDDEN,), "DENY"),
    "escalated": ((PERSON,), "ESCALATE"),
    "denied beside an allowed one": ((HARMLESS, FORBIDDEN), "DENY"),
    "escalated beside a denied one": ((PERSON, FORBIDDEN), "DENY"),
}


@pytest.mark.parametrize("name", REFUSED_TOOLS)
@pytest.mark.parametrize("n", [1, 2])
def test_a_refused_tool_call_never_leaves_a_stream(
    desk: Desk, client: openai.OpenAI, name: str, n: int
) -> None:
    """Text before it arrives; of the call neither name nor arguments; then one error event."""
    calls, verdict = REFUSED_TOOLS[name]
    say(desk, Turn("Let me see."), Turn("Let me see.", calls)) if n > 1 else say(
        desk, Turn("Let me see.", calls)
    )
    headers = new_id()
    with client.chat.completions.with_streaming_response.create(
        model="ordinary", messages=MESSAGES, n=n, stream=True, extra_headers=headers
    ) as response:
        sent = b"".join(response.iter_bytes())
    assert b"Let me" in sent
    for call in calls:
        assert call.name.encode() not in sent
    assert b"shadow" not in sent
    assert b"tool_calls" not in sent
    assert sent.count(b'"error"') == 1
    assert b"[DONE]" not in sent
    last = json.loads(sent.strip().rpartition(b"data: ")[2])
    assert last["error"]["type"] == {"DENY": "helm_denied", "ESCALATE": "helm_escalated"}[verdict]
    records = assert_receipts(desk.scene, headers, ("request", "ALLOW"), ("outcome", verdict))
    assert {call["verdict"] for call in records[1]["toolCalls"]} == {verdict}
    assert last["helm"]["receipt_id"] == receipt_id(records[1])


def test_a_refused_stream_is_a_typed_exception(desk: Desk, client: openai.OpenAI) -> None:
    """The SDK raises APIError with the code as soon as the event comes."""
    say(desk, Turn("Let me see.", (FORBIDDEN,)))
    stream = client.chat.completions.create(model="ordinary", messages=MESSAGES, stream=True)
    chunks: list[Any] = []
    with pytest.raises(APIError) as refused:
        chunks.extend(chunk for chunk in stream)
    assert not [chunk for chunk in chunks if chunk.choices[0].delta.tool_calls]
    assert refused.value.code == "POLICY_VIOLATION"
    assert refused.value.type == "helm_denied"


def legacy_call(asked: Recorded) -> Reply:
    """Return an answer with a legacy `function_call`, streamed or whole."""
    call = {"name": "forbidden", "arguments": SECRET_ARGUMENTS}
    if not asked.json().get("stream"):
        message = {"role": "assistant", "content": None, "function_call": call}
        choice = {"index": 0, "message": message, "finish_reason": "function_call"}
        return Reply.json({"object": "chat.completion", "choices": [choice]})
    half = len(SECRET_ARGUMENTS) // 2
    deltas: list[Any] = [
        {"function_call": {"name": "forbidden", "arguments": ""}},
        {"function_call": {"arguments": SECRET_ARGUMENTS[:half]}},
        {"function_call": {"arguments": SECRET_ARGUMENTS[half:]}},
    ]
    events = [event({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "function_call"}]}
    return Reply.events(*events, event(last), DONE)


@pytest.mark.parametrize("stream", [False, True])
def test_a_legacy_function_call_is_a_tool_call(
    desk: Desk, client: openai.OpenAI, *, stream: bool
) -> None:
    """Judged like any other, in both forms."""
    desk.scene.upstream.answer(legacy_call)
    response = client.chat.completions.with_raw_response
    if not stream:
        with pytest.raises(PermissionDeniedError):
            response.create(model="ordinary", messages=MESSAGES)
        return
    with pytest.raises(APIError) as refused:
        list(client.chat.completions.create(model="ordinary", messages=MESSAGES, stream=True))
    assert refused.value.code == "POLICY_VIOLATION"


@pytest.mark.parametrize("name", REFUSED_TOOLS)
def test_a_refused_tool_call_never_leaves_a_whole_answer(
    desk: Desk, client: openai.OpenAI, name: str
) -> None:
    """The answer is replaced by the verdict: PermissionDeniedError, and nothing of it."""
    calls, verdict = REFUSED_TOOLS[name]
    say(desk, Turn("Let me see.", calls))
    headers = new_id()
    before = len(desk.scene.upstream.requests)
    with pytest.raises(PermissionDeniedError) as refused:
        client.chat.completions.create(model="ordinary", messages=MESSAGES, extra_headers=headers)
    assert len(desk.scene.upstream.requests) == before + 1  # and no retry
    text = refused.value.response.text
    assert not [call.name for call in calls if call.name in text]
    assert "shadow" not in text
    assert "Let me" not in text
    _, outcome = assert_receipts(desk.scene, headers, ("request", "ALLOW"), ("outcome", verdict))
    assert outcome["outcome"]["end"] == "denied"


def test_a_denied_answer_sends_nothing_of_itself(desk: Desk, client: openai.OpenAI) -> None:
    """Neither its text nor its headers."""
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "unspeakable"}}]}
    reply = Reply(200, (("content-type", "application/json"), ("x-secret", "unspeakable")), (
        json.dumps(body).encode(),
    ))  # fmt: skip
    desk.scene.upstream.answer(lambda _: reply)
    with pytest.raises(PermissionDeniedError) as refused:
        client.chat.completions.create(model="ordinary", messages=MESSAGES)
    assert "x-secret" not in refused.value.response.headers
    assert "unspeakable" not in refused.value.response.text


def test_an_answer_can_be_rewritten(desk: Desk, client: openai.OpenAI) -> None:
    """What is judged whole can be cut before it leaves."""
    say(desk, Turn("something personal"))
    completion = client.chat.completions.create(model="ordinary", messages=MESSAGES)
    assert completion.choices[0].message.content == "[cut]"


def test_a_buffered_stream_is_judged_before_any_of_it_leaves(
    desk: Desk, client: openai.OpenAI
) -> None:
    """Policy may ask for it: then a word in the text can still refuse the stream."""
    say(desk, Turn("this is unspeakable"))
    with pytest.raises(PermissionDeniedError) as refused:
        list(client.chat.completions.create(model="buffered", messages=MESSAGES, stream=True))
    assert "unspeakable" not in refused.value.response.text
    say(desk, Turn("this is fine"))
    chunks = client.chat.completions.create(model="buffered", messages=MESSAGES, stream=True)
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(texts) == "this is fine"


def test_text_of_a_gated_stream_is_judged_late_and_recorded(
    desk: Desk, client: openai.OpenAI
) -> None:
    """It has left already; the outcome is DENY, observed, not enforced."""
    say(desk, Turn("this is unspeakable"))
    headers = new_id()
    list(
        client.chat.completions.create(
            model="ordinary", messages=MESSAGES, stream=True, extra_headers=headers
        )
    )
    _, outcome = assert_receipts(desk.scene, headers, ("request", "ALLOW"), ("outcome", "DENY"))
    assert outcome["enforcement"] == "observed"


def test_concurrent_calls_are_not_mixed_up(desk: Desk) -> None:
    """Twenty at a time, each second one denied, streams among them: no two are mixed up."""
    desk.scene.upstream.answer(
        lambda request: reply_to_chat(request, Turn(request.json()["messages"][0]["content"]))
    )

    async def one(client: openai.AsyncOpenAI, number: int) -> str:
        messages: Any = [{"role": "user", "content": f"number {number}"}]
        model = "denied" if number % 2 else "ordinary"
        try:
            if number % 4 == 0:
                stream = await client.chat.completions.create(
                    model=model, messages=messages, stream=True
                )
                return "".join([c.choices[0].delta.content or "" async for c in stream])
            done = await client.chat.completions.create(model=model, messages=messages)
            return done.choices[0].message.content or ""
        except PermissionDeniedError as refused:
            return str(refused.code)

    async def everything() -> list[str]:
        async with desk.asynchronous() as client:
            return await asyncio.gather(*(one(client, number) for number in range(20)))

    before = len(desk.scene.upstream.requests)
    found = asyncio.run(everything())
    assert found == [
        "POLICY_VIOLATION" if number % 2 else f"number {number}" for number in range(20)
    ]
    assert len(desk.scene.upstream.requests) == before + 10


def test_connections_are_kept(desk: Desk, client: openai.OpenAI) -> None:
    """Allowed and refused calls share one connection to the upstream, as without a boundary."""
    client.chat.completions.create(model="ordinary", messages=MESSAGES)
    connections = desk.scene.upstream.connections
    for _ in range(3):
        with pytest.raises(PermissionDeniedError):
            client.chat.completions.create(model="denied", messages=MESSAGES)
        client.chat.completions.create(model="ordinary", messages=MESSAGES)
    assert desk.scene.upstream.connections == connections


def test_an_upstream_error_reaches_the_client(desk: Desk, client: openai.OpenAI) -> None:
    """A 500 in the API's own form: the SDK's own exception, with the upstream's message."""
    error = {"error": {"message": "overloaded", "type": "server_error", "code": "busy"}}
    desk.scene.upstream.answer(lambda _: Reply.json(error, status=500))
    headers = new_id()
    with pytest.raises(openai.InternalServerError) as failed:
        client.with_options(max_retries=0).chat.completions.create(
            model="ordinary", messages=MESSAGES, extra_headers=headers
        )
    assert failed.value.code == "busy"
    _, outcome = assert_receipts(desk.scene, headers, *PASSED)
    assert outcome["outcome"]["end"] == "upstream_error"


def test_listing_models_is_governed_on_a_governed_host(desk: Desk, client: Any) -> None:
    """On a host that isn't governed, GET /v1/models is other traffic and passes."""
    assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-4o-mini"]
