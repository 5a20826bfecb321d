"""The model that a path names counts, however the path is written, and there is only one."""

from __future__ import annotations

import pytest

from helm_boundary.calls.refusal import Refusal
from helm_boundary.matching.catalogue import UNKNOWN, known_operations
from helm_boundary.matching.path_model import model_in_path

CHAT = known_operations().find("POST", ["chat", "completions"])


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/chat/completions", None),
        ("/openai/v1/chat/completions", None),
        ("/openai/deployments/my%20gpt/chat/completions", "my gpt"),
        ("/openai/%64eployments/m/chat/completions", "m"),
        ("/proxy/openai/deployments/m/chat/completions", "m"),
        ("/v1/engines/m/chat/completions", "m"),
        ("/engines/m/chat/completions", "m"),
        ("/engines/v1/chat/completions", None),
        ("/engines/llama.cpp/v1/chat/completions", None),
        ("/search/engines/chat/completions", None),
        ("/models/owner/name/v1/chat/completions", "owner/name"),
        ("/models/gpt2/v1/chat/completions", "gpt2"),
        ("/hub/%6dodels/owner/name/v1/chat/completions", "owner/name"),
        ("/v1/models/chat/completions", None),
        ("/openai/Deployments/m/chat/completions", "m"),
        ("/OpenAI/deployments/M/chat/completions", "M"),
        ("/v1/Engines/m/chat/completions", "m"),
        ("/ENGINES/v1/chat/completions", None),
        ("/Models/owner/name/v1/chat/completions", "owner/name"),
        ("/models/gpt2/V1/chat/completions", "gpt2"),
    ],
)
def test_a_model_in_the_path(path: str, model: str | None) -> None:
    """Azure's and LiteLLM's deployments, old engines; Docker's engines are none."""
    assert CHAT is not None
    assert model_in_path(path, CHAT) == model


@pytest.mark.parametrize(
    "path",
    [
        "/openai/deployments/a/b/chat/completions",
        "/openai/deployments/a/v1/chat/completions",
        "/openai/deployments/a/openai/deployments/b/chat/completions",
        "/openai/deployments/a/engines/b/chat/completions",
        "/v1/engines/a/b/chat/completions",
        "/engines/a/models/b/v1/chat/completions",
        "/Engines/a/models/b/v1/chat/completions",
        "/openai/ｄeployments/a/chat/completions",
        "/ｅngines/a/chat/completions",
        "/ｍodels/a/v1/chat/completions",
    ],
)
def test_more_models_than_one_are_refused(path: str) -> None:
    """Azure ends the name at a slash, LiteLLM doesn't."""
    assert CHAT is not None
    with pytest.raises(Refusal):
        model_in_path(path, CHAT)


def test_an_unknown_operation_of_a_deployment_is_still_that_models() -> None:
    """Policy is told of it, and decides."""
    assert model_in_path("/openai/deployments/m/something/else", UNKNOWN) == "m"
