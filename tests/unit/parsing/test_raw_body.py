"""Requests without JSON in them: files as they are, and no body at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.refusal import Refusal
from helm_boundary.matching.catalogue import UNKNOWN, known_operations
from helm_boundary.parsing.requests import read_call


def sent(body: bytes, kind: str = "", path: str = "/upload") -> HttpRequest:
    """Build a request with that body under that content type."""
    headers = (("content-type", kind),) if kind else ()
    return HttpRequest("POST", "https", "api.example", 443, path, "", headers, body)


def test_a_file_is_read_as_what_it_is() -> None:
    """A text is judged as one; a picture is an attachment."""
    call = read_call(sent(b"Paris is in France.", "text/plain"), UNKNOWN, 100).call
    assert [text.text for text in call.texts] == ["Paris is in France."]
    call = read_call(sent(bytes(range(200, 256)), "image/png"), UNKNOWN, 100).call
    assert call.texts == ()
    assert [(each.media_type, each.bytes) for each in call.attachments] == [("image/png", 56)]
    utf16 = "the password".encode("utf-16")
    call = read_call(sent(utf16, "application/octet-stream"), UNKNOWN, 100).call
    assert "the password" in call.texts[0].text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"not JSON", "application/json"),
        (b"not JSON", ""),
        (b'{"model": "m", "messages": [], "messages": [1]}', "text/plain"),
    ],
)
def test_what_a_server_may_read_as_json_isnt_a_file(body: bytes, kind: str) -> None:
    """Whatever it is labelled as."""
    with pytest.raises(Refusal):
        read_call(sent(body, kind), UNKNOWN, 100)


def test_a_call_takes_json_and_no_file() -> None:
    """A chat's body in the name of a text is still a chat's body."""
    chat = known_operations().find("POST", ["chat", "completions"])
    assert chat is not None
    with pytest.raises(Refusal):
        read_call(sent(b"hello", "text/plain"), chat, 100)


def test_only_what_carries_nothing_may_come_without_a_body() -> None:
    """A cancellation and hanging up do; a call of a model doesn't."""
    assert read_call(sent(b""), UNKNOWN, 100).call.texts == ()
    for path in (
        ["responses", "r", "cancel"],
        ["messages", "batches", "b", "cancel"],
        ["realtime", "calls", "c", "hangup"],
        ["sessions", "s", "archive"],
    ):
        cancel = known_operations().find("POST", path)
        assert cancel is not None
        assert read_call(sent(b""), cancel, 100).call.texts == ()
    for path in (["chat", "completions"], ["responses"], ["embeddings"]):
        asked = known_operations().find("POST", path)
        assert asked is not None
        with pytest.raises(Refusal, match="empty"):
            read_call(sent(b""), asked, 100)


def test_a_call_by_telephone_is_accepted_with_a_session() -> None:
    """Policy sees its model, its tools and what it is told; transferring it carries no session."""
    accept = known_operations().find("POST", ["realtime", "calls", "c", "accept"])
    refer = known_operations().find("POST", ["realtime", "calls", "c", "refer"])
    assert accept is not None
    assert refer is not None
    session = {
        "type": "realtime",
        "model": "gpt-realtime",
        "instructions": "Be brief.",
        "tools": [{"type": "mcp", "server_label": "files", "server_url": "https://mcp.example"}],
    }
    call = read_call(sent(json.dumps(session).encode(), "application/json"), accept, 1000).call
    assert (call.model, [tool.type for tool in call.tools]) == ("gpt-realtime", ["mcp"])
    assert "Be brief." in [text.text for text in call.texts]
    body = b'{"target_uri": "tel:+14155550123"}'
    assert read_call(sent(body, "application/json"), refer, 100).call.tools == ()


@pytest.mark.parametrize("kind", ["", "application/json", "text/plain"])
def test_the_second_half_of_an_upload_is_a_file(kind: str) -> None:
    """Google's clients send it under whatever type; what a server may read as a call is none."""
    path, query = "/upload/v1beta/files", "upload_id=a1&upload_protocol=resumable"
    call = read_call(replace(sent(b"Paris.", kind, path), query=query), UNKNOWN, 100).call
    assert [text.text for text in call.texts] == ["Paris."]
    twice = b'{"model": "m", "messages": [], "messages": [1]}'
    with pytest.raises(Refusal):
        read_call(replace(sent(twice, kind, path), query=query), UNKNOWN, 100)
