"""The Responses API through the real mitmdump, with the real SDK."""

from __future__ import annotations

from collections import deque
from typing import Any

import openai
import pytest

from support.boundary import Boundary
from support.responses import (
    built_in_call,
    function_call,
    message,
    reply_to_response,
    response_object,
)
from support.upstream import Upstream
from support.wire import Reply


@pytest.fixture
def client(boundary: Boundary) -> openai.OpenAI:
    """Return the SDK, configured for the boundary."""
    return openai.OpenAI(base_url=boundary.url + "/v1", api_key="none", max_retries=0)


TOOLS = [{"type": "function", "name": "rm_rf", "parameters": {"type": "object"}, "strict": False}]


def test_an_allowed_response_is_delivered_unchanged(
    client: openai.OpenAI, upstream: Upstream
) -> None:
    """Text and a harmless call reach the client."""
    upstream.answer(
        lambda r: reply_to_response(r, message("Hi."), function_call("look", '{"a":1}'))
    )
    response = client.responses.create(model="gpt-4o", input="hello")
    assert response.output_text == "Hi."
    assert response.output[1].to_dict()["name"] == "look"
    assert len(upstream.requests) == 1


def test_a_denied_request_is_not_forwarded(client: openai.OpenAI, upstream: Upstream) -> None:
    """Whatever part of the input the words are in."""
    items = [{"type": "function_call_output", "call_id": "c", "output": "it is the password"}]
    for asked in ("the password", items, [{"role": "user", "content": "the password"}]):
        with pytest.raises(openai.PermissionDeniedError) as refused:
            client.responses.create(model="gpt-4o", input=asked)  # type: ignore[arg-type]
        assert refused.value.code == "TAINTED_DATA_EGRESS_DENY"
    assert upstream.requests == []


@pytest.mark.parametrize(
    "item",
    [
        function_call("rm_rf", '{"path": "/"}'),
        built_in_call("shell_call", call_id="c", action={"commands": ["rm -rf /"]}),
        built_in_call("mcp_call", server_label="files", name="delete", arguments="{}"),
    ],
    ids=["function", "shell", "mcp"],
)
def test_a_denied_tool_call_is_not_delivered(
    client: openai.OpenAI, upstream: Upstream, item: dict[str, object]
) -> None:
    """Neither in a whole response nor in a stream."""
    upstream.answer(lambda r: reply_to_response(r, message("Sure."), item))
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.responses.create(model="gpt-4o", input="hello")
    assert refused.value.code == "SANDBOX_VIOLATION"
    told: list[Any] = []
    stream = client.responses.create(model="gpt-4o", input="hello", stream=True)
    with pytest.raises(openai.APIError) as stopped:
        deque(map(told.append, stream))
    assert "helm-boundary denied" in stopped.value.message
    assert [event for event in told if "delta" in event.type and event.type.endswith("text.delta")]
    assert not [event for event in told if "call" in event.type or event.type.endswith("completed")]


def test_an_allowed_stream_is_delivered_unchanged(
    client: openai.OpenAI, upstream: Upstream
) -> None:
    """The SDK's stream helper builds the same response as without us."""
    upstream.answer(lambda r: reply_to_response(r, message("Hi."), function_call("look", "{}")))
    with client.responses.stream(model="gpt-4o", input="hello") as stream:
        final = stream.get_final_response()
    assert final.output_text == "Hi."
    assert final.output[1].to_dict()["name"] == "look"


def test_a_background_response_is_judged_when_it_is_fetched(
    client: openai.OpenAI, upstream: Upstream
) -> None:
    """A later GET can't bring what the POST didn't."""
    held = response_object({"model": "gpt-4o"}, [function_call("rm_rf")])
    upstream.answer(lambda _: Reply.json(held))
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.responses.retrieve("resp_1")
    assert refused.value.code == "SANDBOX_VIOLATION"
