"""The opening of a WebSocket: which model it is for, and that it is for one."""

from __future__ import annotations

import pytest

from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.refusal import Refusal
from helm_boundary.matching.matcher import Matcher
from helm_boundary.parsing.requests import read_call, recognise

LIMIT = 4096


def model_of(target: str) -> str | None:
    """Return the model of a WebSocket that is opened at that path and query."""
    path, _, query = target.partition("?")
    headers = (("Upgrade", "websocket"),)
    request = HttpRequest("GET", "https", "localhost", 443, path, query, headers, b"")
    operation = recognise(Matcher(()), request, LIMIT)
    assert operation is not None
    return read_call(request, operation, LIMIT).call.model


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ("/v1/realtime?model=m", "m"),
        ("/v1/realtime?model=a%20b&x=y", "a b"),
        ("/openai/realtime?api-version=2025-04-01&deployment=m", "m"),
        ("/v1/realtime", None),
    ],
)
def test_the_query_names_the_model(target: str, model: str | None) -> None:
    """OpenAI calls it a model, Azure a deployment."""
    assert model_of(target) == model


@pytest.mark.parametrize("query", ["model=a&model=b", "model=a&deployment=b", "model=&Model=b"])
def test_two_models_are_refused(query: str) -> None:
    """Which of them counts is the server's choice."""
    with pytest.raises(Refusal):
        model_of(f"/v1/realtime?{query}")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_what_isnt_a_websockets_is_refused(path: str) -> None:
    """Nobody would judge what came after the handshake."""
    with pytest.raises(Refusal):
        model_of(path)
