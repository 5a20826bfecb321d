"""A grant is bound to the call as a value: every difference that matters, and none that doesn't."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.approvals.binding import HEADERS, Cover, bind, cover_of, digest_tool_call
from helm_boundary.calls.call import Answer, Call, HttpRequest, Operation, ToolCall
from helm_boundary.dialects import chat
from helm_boundary.dialects.json_shape import tool_call
from helm_boundary.policy.decision import Decision, Reason

CHAT = Operation("createChatCompletion", "inference", "chat", "POST", "/v1/chat/completions")
SENT = HttpRequest(
    "POST", "https", "api.openai.com", 443, "/v1/chat/completions", "", (), b"", principal="ada"
)
BODY: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "user", "content": "hello"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a/b"}}]},
    ],
    "temperature": 0.5,
    "user": "somebody",
    "metadata": {"a": "1", "b": "2"},
}


def digest(request: HttpRequest = SENT, **changed: Any) -> str:
    """Return the digest of a chat completion that differs so."""
    return bind(request, CHAT, chat.read_request({**BODY, **changed}), None, "p").request


def test_what_json_does_not_mean_makes_no_difference() -> None:
    """The order of members, white space, 0.5 or 5e-1."""
    again = json.loads(json.dumps(dict(reversed(BODY.items())), indent=4).replace("0.5", "5e-1"))
    assert bind(SENT, CHAT, chat.read_request(again), None, "p").request == digest()


@pytest.mark.parametrize(
    "request_",
    [
        replace(SENT, host="api.example.org"),
        replace(SENT, port=8443),
        replace(SENT, scheme="http"),
        replace(SENT, path="/other/v1/chat/completions"),
        replace(SENT, query="api-version=2"),
        replace(SENT, method="PUT"),
    ],
    ids=["host", "port", "scheme", "path", "query", "method"],
)
def test_the_address_is_part_of_the_call(request_: HttpRequest) -> None:
    """The same body sent elsewhere is another call."""
    assert digest(request_) != digest()


@given(st.text(max_size=40), st.text(max_size=40))
def test_equal_texts_and_only_those_have_equal_digests(one: str, other: str) -> None:
    """For any two messages."""

    def said(text: str) -> str:
        return digest(messages=[{"role": "user", "content": text}])

    assert (said(one) == said(other)) == (one == other)


def test_numbers_that_json_readers_disagree_on_are_compared_as_bytes() -> None:
    """Beyond 2^53 the bytes must be the same; RFC 8785 has no form for such a number."""
    body = b'{"model":"m","messages":[],"seed":18446744073709551615}'
    first = replace(SENT, body=body)
    spaced = replace(SENT, body=body.replace(b",", b", "))
    assert digest(first, seed=2**64 - 1) == digest(first, seed=2**64 - 1)
    assert digest(first, seed=2**64 - 1) != digest(spaced, seed=2**64 - 1)


@pytest.mark.parametrize("name", HEADERS)
def test_what_a_header_chooses_is_part_of_the_call(name: str) -> None:
    """Another organization or another beta is another call; who speaks, and how, is not."""
    given = replace(SENT, headers=((name.title(), "one"), ("User-Agent", "a/1")))
    assert digest(given) != digest()
    assert digest(given) != digest(replace(given, headers=((name, "two"),)))
    assert digest(given) == digest(replace(given, headers=((name, "one"), ("User-Agent", "b/2"))))


def test_who_calls_is_the_user_with_the_key_or_else_the_address() -> None:
    """A key is an account: the same user with another one is another caller."""
    found = [
        bind(replace(SENT, principal=user, client_address=address), CHAT, Call(), key, "p")
        for user, key, address in (
            ("ada", "k1", "10.0.0.1"),
            ("ada", "k2", "10.0.0.1"),
            ("eve", "k1", "10.0.0.1"),
            ("ada", None, "10.0.0.1"),
            (None, "ada", "10.0.0.1"),
            (None, "k1", "10.0.0.1"),
            (None, None, "10.0.0.1"),
            (None, None, "10.0.0.2"),
        )
    ]
    assert len({each.principal for each in found}) == len(found)
    elsewhere = replace(SENT, principal="ada", client_address="10.0.0.2")
    assert bind(elsewhere, CHAT, Call(), "k1", "p").principal == found[0].principal


def test_a_cover_is_what_was_shown() -> None:
    """Rules by phase, tool calls by name and arguments; ids don't count."""
    asked = Decision("ESCALATE", (Reason("C", "tools.person", "m", "ungranted"),))
    shown = cover_of(asked, Answer(200, tool_calls=(tool('{"a": 1}', "call_1"),)))
    assert shown.includes(cover_of(asked, Answer(200, tool_calls=(tool('{"a":1}', "call_2"),))))
    assert shown.includes(cover_of(asked, Answer(200)))
    assert not shown.includes(cover_of(asked, Answer(200, tool_calls=(tool('{"a": 2}'),))))
    assert not shown.includes(cover_of(asked, None))
    assert (shown | cover_of(asked, None)).includes(cover_of(asked, None))
    assert not Cover().includes(shown)


@pytest.mark.parametrize("text", ["{", '{"a": 18446744073709551615}', ""])
def test_every_tool_call_has_a_digest(text: str) -> None:
    """Arguments that are no JSON, or that have no canonical form, count as they are written."""
    assert digest_tool_call(tool(text)) == digest_tool_call(tool(text))
    assert digest_tool_call(tool(text)) != digest_tool_call(tool(text + " "))


def tool(arguments: str, call_id: str = "call_1") -> ToolCall:
    """Build a tool call with these arguments."""
    return tool_call("remove", arguments, call_id=call_id, pointer="/x")
