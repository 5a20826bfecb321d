"""What calls are charged: by the provider's own count, in every shape in which it comes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from support.approvals import free_port
from support.budgets import budget_scene
from support.messages import message_events, message_object, text
from support.responses import response_events
from support.scene import Scene, chat_body
from support.upstream import DONE, Break, Pause, Recorded, Reply, Turn, event, reply_to_chat

MESSAGES: Any = [{"role": "user", "content": "Hello"}]
DATA = {
    "budgets": {
        "books": {
            "limit": {"tokens": 10**14, "output_tokens": 10**14, "dollars": 1_000_000},
            "window": "month",
            "include_usage": True,
        }
    },
    "prices": {
        "ordinary": {"input": 1, "output": 10, "cached": 0.1},
        "claude-x": {"input": 3, "output": 15, "cached": 0.3, "cache_write": 3.75},
        "escalated": {"input": 1, "output": 1},
        "buffered": {"input": 1, "output": 10},
        "passed": {"input": 1, "output": 10},
        "denied": {"input": 1, "output": 10},
        "vast": {"input": 1, "output": 1},
        "tiered": {
            "input": 1,
            "output": 1,
            "tiers": {
                "priority": {"input": 2, "output": 2},
                "flex": {"input": 0.5, "output": 0.5},
            },
        },
    },
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start one boundary for these tests; in the end its books are audited."""
    with budget_scene(tmp_path_factory.mktemp("usage"), DATA) as stage:
        yield stage


@pytest.fixture
def stage(shared: Scene) -> Scene:
    """Return the scene with an upstream that answers by itself."""
    shared.upstream.answer(lambda _: None)
    shared.upstream.requests.clear()
    return shared


def charged(stage: Scene, correlation: str) -> tuple[dict[str, int], dict[str, Any]]:
    """Return what a call was charged, and how its cost was found."""
    records = stage.records(correlation)
    (line,) = records[-1]["budget"]
    return line["charged"], records[-1]["cost"]


def test_a_whole_answer_is_charged_what_it_counts(stage: Scene) -> None:
    """What was cached has its own price; dollars are integers of 10^-9."""
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 40},
    }

    def answer(request: Recorded) -> Reply:
        reply = json.loads(reply_to_chat(request).steps[0])  # type: ignore[arg-type]
        return Reply.json({**reply, "usage": usage})

    stage.upstream.answer(answer)
    amounts, cost = charged(stage, stage.chat().correlation)
    money = 60 * 1000 + 40 * 100 + 20 * 10_000
    assert amounts == {"calls": 1, "tokens": 120, "outputTokens": 20, "nanodollars": money}
    assert cost["usage"] == "provider"
    assert cost["nanodollars"] == money
    assert len(cost["prices"]["sha256"]) == 64


def test_a_streams_usage_is_asked_for_and_kept_from_its_client(stage: Scene) -> None:
    """The upstream is asked, and the client gets the bytes that it would have got."""
    plain: list[bytes] = []

    def answer(request: Recorded) -> Reply:
        asked = request.json()
        assert asked["stream_options"] == {"include_usage": True}
        reply = reply_to_chat(request, Turn("Some words that come in pieces."))
        unasked = Recorded(
            request.method,
            request.path,
            request.headers,
            json.dumps({**asked, "stream_options": None}).encode(),
            request.connection,
        )
        same = json.loads(reply.steps[0][6:])  # type: ignore[index]
        for step in reply_to_chat(unasked, Turn("Some words that come in pieces.")).steps:
            assert isinstance(step, bytes)
            if step != DONE:
                chunk = json.loads(step[6:])
                step = event({**chunk, "id": same["id"], "created": same["created"]})
            plain.append(step)
        return reply

    stage.upstream.answer(answer)
    told = stage.chat(stream=True)
    assert told.body == b"".join(plain)
    amounts, cost = charged(stage, told.correlation)
    assert amounts["tokens"] > 0
    assert cost["usage"] == "provider"
    request = stage.records(told.correlation)[0]
    assert request["rewrite"]["operations"] == 1


@pytest.mark.parametrize("model", ["buffered", "ordinary"])
def test_the_clients_own_wish_for_usage_is_granted(stage: Scene, model: str) -> None:
    """Whoever asks for the usage gets it, as it comes, whether the stream is held or not."""
    told = stage.chat(stream=True, model=model, stream_options={"include_usage": True})
    assert told.body.count(b'"usage": {') == 1
    body = stage.upstream.requests[-1].body
    assert body == chat_body(stream=True, model=model, stream_options={"include_usage": True})
    assert "rewrite" not in stage.records(told.correlation)[0]


def test_a_stream_that_is_held_whole_is_charged_and_stripped_too(stage: Scene) -> None:
    """Where policy asked for `buffer`."""
    told = stage.chat(stream=True, model="buffered")
    assert told.status == 200
    assert b"usage" not in told.body
    assert charged(stage, told.correlation)[1]["usage"] == "provider"


def test_a_stream_that_passes_unread_is_charged_and_stripped_too(stage: Scene) -> None:
    """Where policy asked for `pass`: in whatever pieces it comes."""
    told = stage.chat(stream=True, model="passed")
    assert told.status == 200
    assert b"usage" not in told.body
    assert told.body.endswith(DONE)
    assert charged(stage, told.correlation)[1]["usage"] == "provider"


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_without_a_count_is_charged_what_came(stage: Scene, stream: bool) -> None:
    """A provider that doesn't count, as local servers: by the answer's length, and marked."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "ordinary"}
    choice = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    steps = (event({**chunk, "choices": [choice]}), event({**chunk, "choices": [end]}), DONE)
    message = {"role": "assistant", "content": "Hello"}
    whole = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {**chunk, "object": "chat.completion", "choices": [whole]}
    stage.upstream.answer(lambda _: Reply.events(*steps) if stream else Reply.json(answer))
    told = stage.chat(stream=stream, max_tokens=5000)
    amounts, cost = charged(stage, told.correlation)
    reserved = stage.records(told.correlation)[0]["budget"][0]["reserved"]
    assert cost["usage"] == "estimated"
    assert 0 < amounts["outputTokens"] < 10 < reserved["outputTokens"]
    inputs = [each["tokens"] - each["outputTokens"] for each in (amounts, reserved)]
    assert inputs[0] == inputs[1] > 0


def test_a_client_that_hangs_up_pays_for_what_came(stage: Scene) -> None:
    """The input, and the words that had come: an estimate, as no count did."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "ordinary"}
    choice = {"index": 0, "delta": {"content": "word " * 100}, "finish_reason": None}
    stage.upstream.answer(
        lambda _: Reply.events(event({**chunk, "choices": [choice]}), Pause(1.0), Break.SILENCE)
    )
    correlation = "7c7f1c7e-7a3f-4f59-9c6f-3f3d8a0d0001"
    with stage.wire() as wire:
        wire.send(stage.request(chat_body(stream=True, max_tokens=5000), correlation=correlation))
        wire.socket.recv(2000)
        time.sleep(0.3)
    amounts, cost = charged(stage, correlation)
    assert cost["usage"] == "estimated"
    assert 50 <= amounts["outputTokens"] <= 1000  # a word is a token or two, not the 5000 asked for


def test_what_nobody_answers_costs_its_input_at_most(stage: Scene) -> None:
    """An upstream that resets, and one that refuses: the second costs no tokens at all."""
    stage.upstream.answer(lambda _: Reply.raw(Break.RESET))
    told = stage.chat(max_tokens=5000)
    amounts, cost = charged(stage, told.correlation)
    assert (amounts["calls"], amounts["outputTokens"], cost["usage"]) == (1, 0, "estimated")
    stage.upstream.answer(lambda _: Reply.json({"error": {"message": "later"}}, status=429))
    amounts, cost = charged(stage, stage.chat().correlation)
    assert (amounts["calls"], amounts["tokens"], cost["usage"]) == (1, 0, "provider")


def test_a_client_that_hangs_up_on_a_whole_answer_pays_for_it(stage: Scene) -> None:
    """Its provider works it out all the same: else hanging up would make answers free."""
    stage.upstream.answer(lambda r: Reply.raw(Pause(2.0), b""))
    correlation = "7c7f1c7e-7a3f-4f59-9c6f-3f3d8a0d0003"
    with stage.wire() as wire:
        wire.send(stage.request(chat_body(max_tokens=5000), correlation=correlation))
        time.sleep(0.5)
    amounts, cost = charged(stage, correlation)
    request = stage.records(correlation)[0]
    assert cost["usage"] == "estimated"
    assert amounts == request["budget"][0]["reserved"]


def test_what_reaches_no_upstream_costs_nothing(tmp_path: Path) -> None:
    """Nobody listens there: no call was made, however often it is tried."""
    data = {"budgets": {"one": {"limit": {"calls": 1, "tokens": 10_000}}}}
    mode = f"reverse:http://127.0.0.1:{free_port()}"
    with budget_scene(tmp_path, data, mode=mode) as stage:
        for _ in range(3):
            told = stage.chat()
            assert told.status == 502
            amounts, cost = charged(stage, told.correlation)
            assert not any(amounts.values())
            assert cost["usage"] == "provider"


def test_an_answer_that_policy_denies_is_paid_for(stage: Scene) -> None:
    """The provider has made it, whoever gets it."""
    stage.upstream.answer(lambda r: reply_to_chat(r, Turn("forbidden words")))
    told = stage.chat()
    amounts, cost = charged(stage, told.correlation)
    assert cost["usage"] == "provider"
    assert amounts["tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_counts_what_was_cached_beside_its_input(stage: Scene, stream: bool) -> None:
    """Input, cache and output each at their price, whole or in `message_start` and `_delta`."""
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 200,
        "output_tokens": 1 if stream else 50,
    }

    def answer(request: Recorded) -> Reply:
        asked = request.json()
        if not stream:
            return Reply.json({**message_object(asked, [text("Hi.")]), "usage": usage})
        events = [_with_usage(each, usage) for each in message_events(asked, [text("Hi.")])]
        return Reply.events(*events)

    stage.upstream.answer(answer)
    body = {"model": "claude-x", "max_tokens": 100, "messages": MESSAGES, "stream": stream}
    told = stage.post(json.dumps(body).encode(), path="/v1/messages")
    assert told.status == 200, told
    amounts, _ = charged(stage, told.correlation)
    money = 10 * 3000 + 1000 * 300 + 200 * 3750 + 50 * 15_000
    assert amounts == {"calls": 1, "tokens": 1260, "outputTokens": 50, "nanodollars": money}


def _with_usage(sent: bytes, usage: dict[str, int]) -> bytes:
    head, _, data = sent.partition(b"data: ")
    value = json.loads(data)
    if value["type"] == "message_start":
        value["message"]["usage"] = usage
    elif value["type"] == "message_delta":
        value["usage"] = {"output_tokens": 50}
    return head + b"data: " + json.dumps(value).encode() + b"\n\n"


def test_a_responses_stream_is_charged_by_its_last_event(stage: Scene) -> None:
    """`response.completed` says what was used."""
    from support.responses import message

    stage.upstream.answer(lambda r: Reply.events(*response_events(r.json(), [message("Hello.")])))
    body = json.dumps({"model": "ordinary", "input": "Hello", "stream": True}).encode()
    told = stage.post(body, path="/v1/responses")
    amounts, cost = charged(stage, told.correlation)
    assert (amounts["tokens"], amounts["outputTokens"]) == (18, 7)
    assert cost["usage"] == "provider"


def test_a_model_without_a_price_is_denied_and_told_which(stage: Scene) -> None:
    """A budget in dollars can't count it; the remedy is in the message."""
    client = openai.OpenAI(base_url=stage.boundary.url + "/v1", api_key="key")
    with stage.untouched(), pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="nobody-s-model", messages=MESSAGES)
    assert refused.value.code == "BUDGET_EXCEEDED"
    assert "nobody-s-model" in refused.value.message
    assert "data.prices" in refused.value.message


def test_prices_of_known_models_come_with_the_package(stage: Scene) -> None:
    """Such as gpt-4o-mini's, at 0.15 and 0.6 dollars a million."""
    told = stage.chat(model="gpt-4o-mini")
    amounts, cost = charged(stage, told.correlation)
    read = amounts["tokens"] - amounts["outputTokens"]
    assert cost["nanodollars"] == read * 150 + amounts["outputTokens"] * 600


def test_a_batch_is_as_many_calls_as_its_file_has_lines(stage: Scene) -> None:
    """Charged by estimate when it is made, as often as it is: its answers come another day."""
    line = {"method": "POST", "url": "/v1/chat/completions",
            "body": json.loads(chat_body(max_tokens=10))}  # fmt: skip
    lines = "\n".join(json.dumps({"custom_id": str(at), **line}) for at in range(5))
    client = openai.OpenAI(base_url=stage.boundary.url + "/v1", api_key="key")
    stage.upstream.answer(lambda _: Reply.json({"id": "file-1", "object": "file"}))
    correlation = "7c7f1c7e-7a3f-4f59-9c6f-3f3d8a0d0002"
    client.files.create(
        file=("batch.jsonl", lines.encode()),
        purpose="batch",
        extra_headers={"X-Helm-Correlation-Id": correlation},
    )
    assert not any(record.get("budget") for record in stage.records(correlation))
    for number in range(2):
        correlation = f"7c7f1c7e-7a3f-4f59-9c6f-3f3d8a0d010{number}"
        stage.upstream.answer(lambda _: Reply.json({"id": "batch-1", "object": "batch"}))
        client.batches.create(
            input_file_id="file-1",
            endpoint="/v1/chat/completions",
            completion_window="24h",
            extra_headers={"X-Helm-Correlation-Id": correlation},
        )
        amounts, cost = charged(stage, correlation)
        assert (amounts["calls"], cost["usage"]) == (5, "estimated")
        assert amounts["outputTokens"] == 50


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("/v1/batches", {"input_file_id": "file-of-yesterday"}, "upload its file"),
        ("/v1/fine_tuning/jobs", {"model": "ordinary", "training_file": "f"}, "in shadow"),
        ("/v1/evals/e/runs", {"name": "x", "data_source": {"type": "jsonl"}}, "in shadow"),
    ],
)
def test_work_that_nobody_can_tell_the_size_of_is_refused(
    stage: Scene, path: str, value: dict[str, Any], told: str
) -> None:
    """Under a budget that counts it, with what to do about it; no provider sees it."""
    refused = stage.post(json.dumps(value).encode(), path=path)
    assert refused.status == 403
    error = json.loads(refused.body)["error"]
    assert error["code"] == "BUDGET_EXCEEDED"
    assert told in error["message"]
    assert stage.upstream.requests == []


def test_a_service_tier_has_prices_of_its_own(stage: Scene) -> None:
    """Those of the tier that the answer names, and of the one that was asked for until then."""
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}

    def served(tier: str | None) -> int:
        def answer(request: Recorded) -> Reply:
            reply = json.loads(reply_to_chat(request).steps[0])  # type: ignore[arg-type]
            return Reply.json({**reply, "usage": usage, "service_tier": tier})

        stage.upstream.answer(answer)
        told = stage.post(chat_body(model="tiered", service_tier="priority"))
        amounts, _ = charged(stage, told.correlation)
        reserved = stage.records(told.correlation)[0]["budget"][0]["reserved"]
        assert reserved["nanodollars"] >= reserved["tokens"] * 2000
        return amounts["nanodollars"]

    assert served("priority") == served(None) == 120 * 2000
    assert served("default") == 120 * 1000
    assert served("flex") == 120 * 500


@pytest.mark.parametrize("count", [10**30, 2**53, -5, 1e300, "many", True])
def test_no_number_that_anybody_says_breaks_the_books(stage: Scene, count: Any) -> None:
    """What a provider claims is believed up to a bound, and so is what a client asks for."""
    usage = {"prompt_tokens": count, "completion_tokens": count, "total_tokens": count}

    def answer(request: Recorded) -> Reply:
        reply = json.loads(reply_to_chat(request).steps[0])  # type: ignore[arg-type]
        return Reply.json({**reply, "usage": usage})

    stage.upstream.answer(answer)
    told = stage.post(chat_body(model="vast"))
    # What no JSON reader of the boundary's can hold is denied, and charged all the same.
    assert told.status == (403 if count in (10**30, 1e300) else 200), told
    amounts, _ = charged(stage, told.correlation)
    assert 0 <= amounts["tokens"] <= 2 * 10**9
    assert stage.post(chat_body(model="vast", max_tokens=10**18, n=128)).status in (200, 403)
