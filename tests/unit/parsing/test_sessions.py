"""The session of a call: what its client says, in a bounded plain text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.refusal import Refusal
from helm_boundary.parsing.sessions import MAX_SESSION, session_of

UUID = "1d6ae590-3313-4160-879c-e8f7b28e09f6"
_NOW = json.dumps({"device_id": "d", "account_uuid": "", "session_id": UUID})
NAMED: dict[str, tuple[dict[str, str], Any]] = {
    "ours": ({"X-Helm-Session": UUID}, {}),
    "ours beside an agent's": ({"X-Helm-Session": UUID, "session-id": "other"}, {}),
    "Claude Code's header": ({"X-Claude-Code-Session-Id": UUID}, {}),
    "Claude Code's user": ({}, {"metadata": {"user_id": _NOW}}),
    "Claude Code's user of before": (
        {}, {"metadata": {"user_id": f"user_{'0' * 64}_account__session_{UUID}"}}),
    "Codex's header": ({"session-id": UUID}, {"prompt_cache_key": "other"}),
    "Codex's message": ({}, {"client_metadata": {"session_id": UUID}}),
    "opencode's header": ({"x-session-id": UUID}, {}),
    "a router's member": ({}, {"session_id": UUID}),
    "a conversation": ({}, {"conversation": UUID}),
    "a conversation's id": ({}, {"conversation": {"id": UUID}}),
    "a key of the cache": ({}, {"prompt_cache_key": UUID}),
    "one after what is none": ({"session-id": "two words"}, {"prompt_cache_key": UUID}),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_a_session_is_found_where_agents_name_it(case: str) -> None:
    """The boundary's own header counts first."""
    headers, body = NAMED[case]
    assert session_of(_request(headers), body) == UUID


NONE: dict[str, Any] = {
    "nothing": {},
    "no object": [1],
    "no text": {"prompt_cache_key": 1, "session_id": None, "conversation": {"id": []}},
    "a text too long": {"prompt_cache_key": "x" * (MAX_SESSION + 1)},
    "an empty text": {"prompt_cache_key": ""},
    "a line break": {"prompt_cache_key": "a\nb"},
    "other letters": {"prompt_cache_key": "é"},
    "a user of somebody's own": {"metadata": {"user_id": "alice"}},
    "a user that is nearly JSON": {"metadata": {"user_id": "{"}},
    "a user nested deeply": {"metadata": {"user_id": '{"a":' + "[" * 100_000}},
    "a user that is a list": {"metadata": {"user_id": "[]"}},
}


@pytest.mark.parametrize("case", NONE)
def test_what_is_no_plain_text_names_no_session(case: str) -> None:
    """An agent that means something else by it isn't refused."""
    assert session_of(_request({}), NONE[case]) is None


@pytest.mark.parametrize("value", ["", "two words", "a, b", "x" * (MAX_SESSION + 1), "é"])
def test_a_header_of_ours_that_is_no_plain_text_is_refused(value: str) -> None:
    """Whoever sends it means a session; which, nobody knows."""
    with pytest.raises(Refusal, match="X-Helm-Session"):
        session_of(_request({"X-Helm-Session": value}), {"prompt_cache_key": UUID})


def _request(headers: dict[str, str]) -> HttpRequest:
    fields = tuple(headers.items())
    return HttpRequest("POST", "https", "localhost", 443, "/v1/responses", "", fields, b"")
