"""Anthropic Messages through the real mitmdump, with the real SDK where it is installed."""

from __future__ import annotations

from typing import Any

import pytest

from support.boundary import Boundary
from support.messages import reply_to_message, text, tool_use
from support.responses import typed_event
from support.upstream import Reply, Upstream

anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK isn't installed")
HELLO: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(boundary: Boundary) -> Any:
    """Return the SDK, configured for the boundary."""
    return anthropic.Anthropic(base_url=boundary.url, api_key="none", max_retries=0)


def ask(client: Any, messages: Any = HELLO, model: str = "claude-x", **more: Any) -> Any:
    """Ask for a message."""
    return client.messages.create(model=model, max_tokens=99, messages=messages, **more)


def test_an_allowed_message_is_delivered_unchanged(client: Any, upstream: Upstream) -> None:
    """Text and a harmless tool reach the client."""
    upstream.answer(lambda r: reply_to_message(r, text("Hi."), tool_use("look", a=1)))
    message = ask(client)
    assert message.content[0].text == "Hi."
    assert message.content[1].input == {"a": 1}


def test_a_denied_request_is_not_forwarded(client: Any, upstream: Upstream) -> None:
    """Whatever part of it the words are in."""
    result = {"type": "tool_result", "tool_use_id": "t", "content": "the password"}
    for messages, more in (
        ([{"role": "user", "content": "the password"}], {}),
        ([{"role": "user", "content": [result]}], {}),
        (HELLO, {"system": "the password"}),
    ):
        with pytest.raises(anthropic.PermissionDeniedError):
            ask(client, messages, **more)
    assert upstream.requests == []


def test_a_denied_tool_call_is_not_delivered(client: Any, upstream: Upstream) -> None:
    """Neither in a whole message nor in a stream."""
    upstream.answer(lambda r: reply_to_message(r, text("Sure."), tool_use("rm_rf", path="/")))
    with pytest.raises(anthropic.PermissionDeniedError):
        ask(client)
    told = []
    with (
        pytest.raises(anthropic.APIStatusError) as stopped,
        client.messages.stream(model="claude-x", max_tokens=9, messages=HELLO) as stream,
    ):
        told.extend(stream)
    assert "helm-boundary denied" in str(stopped.value)
    assert "rm_rf" not in repr(told)


def test_a_toolsets_tool_is_denied_by_both_names(client: Any, upstream: Upstream) -> None:
    """The application's own tool of that name may run."""
    own, browsers = tool_use("navigate"), {**tool_use("navigate"), "toolset_name": "browser"}
    upstream.answer(lambda r: reply_to_message(r, own))
    assert ask(client).content[0].name == "navigate"
    upstream.answer(lambda r: reply_to_message(r, browsers))
    with pytest.raises(anthropic.PermissionDeniedError):
        ask(client)
    told: list[Any] = []
    with (
        pytest.raises(anthropic.APIStatusError),
        client.messages.stream(model="claude-x", max_tokens=9, messages=HELLO) as stream,
    ):
        told.extend(stream)
    assert "navigate" not in repr(told)


def test_what_a_message_begins_with_is_judged(client: Any, upstream: Upstream) -> None:
    """The SDK takes the content of the first event for the message's."""
    content = [text("This is the forbidden word.")]
    start = {"id": "m", "type": "message", "role": "assistant", "model": "buffered",
             "content": content, "stop_reason": None, "stop_sequence": None,
             "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]
    upstream.answer(lambda _: Reply.events(*map(typed_event, told)))
    with (
        pytest.raises(anthropic.APIStatusError),
        client.messages.stream(model="buffered", max_tokens=9, messages=HELLO) as stream,
    ):
        stream.get_final_message()
    content[0] = text("This is a word.")
    with client.messages.stream(model="buffered", max_tokens=9, messages=HELLO) as stream:
        assert stream.get_final_message().content[0].text == "This is a word."


def test_an_allowed_stream_is_delivered_unchanged(client: Any, upstream: Upstream) -> None:
    """The SDK's stream helper builds the same message as without us."""
    upstream.answer(lambda r: reply_to_message(r, text("Hi."), tool_use("look", a=1)))
    with client.messages.stream(model="claude-x", max_tokens=9, messages=HELLO) as stream:
        final = stream.get_final_message()
    assert final.content[0].text == "Hi."
    assert final.content[1].input == {"a": 1}
