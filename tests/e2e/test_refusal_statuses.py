"""The status of a refusal, by the client that it must arrive at."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from support.scene import Scene, scene

CLAUDE, LITELLM = "claude-cli/2.1.197 (external, cli)", "litellm/1.81.10"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start one boundary for the module."""
    with scene(tmp_path_factory.mktemp("statuses")) as opened:
        yield opened


def refused(stage: Scene, path: str, agent: str, model: str) -> tuple[int, dict[str, str]]:
    """Return the status and the error that a client gets."""
    connection = http.client.HTTPConnection("127.0.0.1", stage.boundary.port, timeout=60)
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"Content-Type": "application/json", "User-Agent": agent, "x-api-key": "made-up"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    error: dict[str, str] = json.loads(answer.read())["error"]
    connection.close()
    return answer.status, error


@pytest.mark.parametrize(
    ("path", "agent", "model", "status"),
    [
        ("/v1/messages", CLAUDE, "denied", 400),
        ("/v1/messages", CLAUDE, "escalated", 400),
        ("/v1/messages", CLAUDE.upper(), "denied", 400),
        ("/v1/messages", LITELLM, "denied", 400),
        ("/v1/messages", LITELLM, "escalated", 403),
        ("/v1/messages", "Anthropic/Python 0.80.0", "denied", 403),
        ("/v1/messages", "my claude-cli/2.1", "denied", 403),
        ("/v1/messages", "", "denied", 403),
        ("/v1/chat/completions", CLAUDE, "denied", 403),
        ("/v1/chat/completions", LITELLM, "denied", 403),
    ],
)
def test_a_refusal_has_the_status_that_its_client_shows(
    stage: Scene, path: str, agent: str, model: str, status: int
) -> None:
    """One of each form, the provider sees none, and OpenAI's own type is in what is for good."""
    stage.upstream.requests.clear()
    found, error = refused(stage, path, agent, model)
    assert found == status
    assert error["type"] == f"helm_{model}"
    assert error.get("openai_type") == ("invalid_request_error" if model == "denied" else None)
    assert stage.upstream.requests == []
