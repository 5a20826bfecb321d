"""What a call is charged whose answer was cut off, and by which of its credentials it is known."""

from __future__ import annotations

import pytest

from helm_boundary.budgets.estimates import Estimate, Estimates
from helm_boundary.budgets.usage import Used
from helm_boundary.calls.call import Answer, Call, HttpRequest, Operation, Text
from helm_boundary.dialects.generic_stream import GenericStream
from helm_boundary.enforcement.exchange import Exchange, api_key, credentials
from helm_boundary.enforcement.spending import is_warm_up, spent
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.sse import EventCutter
from helm_receipts.envelope.statement import Outcome

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
