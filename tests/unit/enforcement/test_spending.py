"""What a call is charged whose answer was cut off, and by which of its credentials it is known."""

from __future__ import annotations

import pytest

from helm_boundary.budgets.estimates import Estimate, Estimates
from helm_boundary.budgets.usage import Used
from helm_boundary.calls.call import Answer, Call, HttpRequest, Operation, Text
from helm_boundary.dialects.generic_stream import GenericStream
from helm_boundary.enforcement.exchange import Exchange, api_key, credentials
from helm_boundary.enforcement.spending import calls_made, is_warm_up, spent, tier_in
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.sse import EventCutter
from helm_receipts.envelope.statement import End, Outcome

RESPONSE = Operation("createResponse", "inference", "responses", "POST", "/responses")
RESERVED = (Estimate(100, 5000, 5000, 400, b""),)


def asked(*headers: tuple[str, str]) -> HttpRequest:
    """Make a request with these headers."""
    return HttpRequest(
        "POST", "https", "api.openai.com", 443, "/v1/responses", "", headers, b"{}", flow_id="f"
    )


@pytest.mark.parametrize(("background", "output"), [(True, 5000), (False, 3)])
def test_what_goes_on_in_the_background_is_charged_whole(background: bool, output: int) -> None:
    """Its client may hang up and fetch the answer later; of any other it has what came."""
    exchange = Exchange(asked(), RESPONSE, "c", None)
    progress = exchange.progress
    progress.call = Call(model="m", stream=True, parameters={"background": background})
    progress.gate = Gate(GenericStream(200), EventCutter(1 << 20))
    progress.answer = Answer(200, "m", texts=(Text("", "assistant", "ten bytes!"),))
    cut = Outcome(200, (), None, None, None, "client_gone")
    assert spent(exchange, cut, RESERVED, Estimates()) == (Used(100, output), False)


@pytest.mark.parametrize(
    ("has_left", "stream", "end", "expected", "calls"),
    [
        (False, False, "client_gone", (Used(), True), 0),
        (False, True, "upstream_error", (Used(), True), 0),
        (True, False, "client_gone", (Used(100, 5000), False), 1),
        (True, False, "killed", (Used(100, 5000), False), 1),
        (True, True, "client_gone", (Used(100, 0), False), 1),
        (True, False, "upstream_error", (Used(100, 0), False), 1),
    ],
)
def test_what_nobody_answers_is_charged_by_who_gave_up(
    has_left: bool, stream: bool, end: End, expected: tuple[Used, bool], calls: int
) -> None:
    """Nothing where no upstream saw it; all that was expected where the provider works on."""
    exchange = Exchange(asked(), RESPONSE, "c", None)
    exchange.progress.call = Call(model="m", stream=stream)
    if has_left:
        exchange.progress.leaves()
    gone = Outcome(None, (), None, None, None, end)
    assert spent(exchange, gone, RESERVED, Estimates()) == expected
    assert calls_made(exchange, 1) == calls


@pytest.mark.parametrize(("text", "output"), [("ten bytes!", 3), ("", 5000)])
def test_a_whole_answer_without_a_count_is_charged_by_its_words(text: str, output: int) -> None:
    """One without words may be a picture or sound: it is charged what was reserved."""
    exchange = Exchange(asked(), RESPONSE, "c", None)
    exchange.progress.call = Call(model="m")
    texts = (Text("", "assistant", text),) if text else ()
    exchange.progress.answer = Answer(200, "m", texts=texts)
    whole = Outcome(200, (), None, None, None, "complete")
    assert spent(exchange, whole, RESERVED, Estimates()) == (Used(100, output), False)


def test_a_stream_that_is_cut_off_is_charged_what_its_model_reasons() -> None:
    """As much as others of that model did before they said anything; nothing where nothing came."""
    learnt = Estimates()
    for _ in range(40):
        learnt.learn(RESERVED[0], "m", "responses", Used(100, 1200, reasoning=1000))
    exchange = Exchange(asked(), RESPONSE, "c", None)
    progress = exchange.progress
    progress.call = Call(model="m", stream=True)
    progress.gate = Gate(GenericStream(200), EventCutter(1 << 20))
    cut = Outcome(200, (), None, None, None, "client_gone")
    for text, output in (("ten bytes!", 1000), ("", 0)):
        texts = (Text("", "assistant", text),) if text else ()
        progress.answer = Answer(200, "m", texts=texts)
        used, is_known = spent(exchange, cut, RESERVED, learnt)
        assert (output <= used.output <= output + 50, is_known) == (True, False)


@pytest.mark.parametrize(
    ("body", "served", "expected"),
    [
        ({}, None, ""),
        ({"service_tier": "priority"}, None, "priority"),
        ({"service_tier": "Priority"}, "default", ""),
        ({"service_tier": "auto"}, "flex", "flex"),
        ({"speed": "fast"}, None, "fast"),
        ({"response": {"service_tier": "flex"}}, None, "flex"),
        ({"service_tier": ["priority"]}, None, ""),
        ({"service_tier": "made-up"}, None, ""),
    ],
)
def test_a_tier_is_what_the_answer_names(body: object, served: str | None, expected: str) -> None:
    """Else what the request asks for; a name that no price has is the usual tier."""
    exchange = Exchange(asked(), RESPONSE, "c", None)
    exchange.progress.call = Call(model="m", body=body)
    assert tier_in(exchange, Answer(200, service_tier=served)) == expected
    exchange.progress.batch = (Call(),)
    assert tier_in(exchange) == "batch"


def test_a_batch_that_is_refused_whole_is_one_call() -> None:
    """Its provider saw one request."""
    exchange = Exchange(asked(), RESPONSE, "c", None)
    for status, calls in ((200, 5), (400, 1), (503, 1)):
        exchange.progress.status = status
        assert calls_made(exchange, 5) == calls


def test_only_a_session_is_warmed_up() -> None:
    """An HTTP API may pass such a member over, and answer."""
    exchange = Exchange(asked(), RESPONSE, "c", None)
    exchange.progress.call = Call(model="m", body={"model": "m", "generate": False})
    exchange.progress.answer = Answer(200, "m")
    for status, free in ((200, False), (101, True)):
        exchange.progress.status = status
        assert is_warm_up(exchange) is free


def test_every_credential_is_known_by_itself() -> None:
    """And all together as before."""
    sent = asked(("authorization", "Bearer one"), ("x-api-key", "two"))
    assert credentials(sent) == ("one", "two")
    assert api_key(sent) == "one\ntwo"
    assert api_key(asked()) is None


def test_a_header_that_comes_twice_carries_two_credentials() -> None:
    """So no made-up one beside it makes another caller, nor does another blank."""
    twice = asked(("authorization", "Bearer junk"), ("Authorization", "Bearer one"))
    assert credentials(twice) == ("junk", "one")
    for value in ("Bearer one", "bearer\tone", "Bearer  one ", "one"):
        assert credentials(asked(("authorization", value))) == ("one",)
    assert credentials(asked(("x-api-key", " two words "))) == ("two words",)
    assert credentials(asked(("authorization", "  "), ("api-key", ""))) == ()
