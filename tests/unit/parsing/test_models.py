"""Every model that may run is found, wherever a request names it, and nobody's own words are."""

from __future__ import annotations

from typing import Any

import pytest

from helm_boundary.calls.call import Call
from helm_boundary.calls.refusal import Refusal
from helm_boundary.parsing.models import name_models

FIRST = "first"
NAMED: dict[str, dict[str, Any]] = {
    "OpenRouter's list": {"models": ["second", "third"], "route": "fallback"},
    "a list in other letters": {"Models": ["second", "third"]},
    "a string where a list is expected": {"models": "second, third"},
    "Anthropic's fallbacks": {"fallbacks": [{"model": "second"}, {"model": "third"}]},
    "LiteLLM's fallbacks": {"fallbacks": ["second", {"model": "third", "messages": []}]},
    "a fallback by itself": {"fallback": "second", "fallback_models": ["third"]},
    "names in camel case": {"fallbackModel": "second", "backupModels": ["third"]},
    "a route": {"route": ["second", "third"]},
    "routes": {"routes": [{"model": "second"}, {"model_id": "third"}]},
    "beside the SDK's own": {"extra_body": {"models": ["second", "third"]}},
    "a gateway's options": {"providerOptions": {"gateway": {"models": ["second", "third"]}}},
    "a plugin's": {"plugins": [{"id": "auto-router", "allowed_models": ["second", "third"]}]},
    "a draft and a judge": {"draft_model": "second", "judge-model": "third"},
    "tools": {"tools": [{"type": "image_generation", "model": "second"}, {"model": "third"}]},
    "tools in a message": {
        "messages": [{"role": "user", "content": [
            {"type": "tool_addition", "tools": [{"type": "advisor", "model": "second"}]}]}],
        "tools": [{"model": "third"}],
    },
    "tools among the items": {"input": [{"type": "additional_tools", "tools": [
        {"model": "second"}, {"model": "third"}]}]},
    "a session": {"session": {"audio": {"input": {"transcription": {"model": "second"}}},
                              "model": "third"}},
    "a grader": {"testing_criteria": [{"type": "score_model", "model": "second"}],
                 "grader": {"model": "third"}},
    "joined by commas": {"model": "first,second, third"},
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_every_model_that_may_run_is_found(case: str) -> None:
    """Beside the one named first, which stays it."""
    body = {"model": FIRST, **NAMED[case]}
    call = name_models(Call(model=body["model"]), body)
    assert call.model == body["model"]
    assert sorted({"second", "third"} & {*call.models}) == ["second", "third"], call.models
    assert call.models[0] == body["model"]


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ({"id": "first"}, ["first"]),
        ({"id": "first", "speed": "fast", "type": "model"}, ["first"]),
        ({"id": "first", "name": "second"}, ["first", "second"]),
        ({"id": "first", "fallbacks": [{"model": "second"}]}, ["first", "second"]),
    ],
)
def test_a_model_may_be_named_with_how_it_is_to_run(model: Any, named: list[str]) -> None:
    """As for Anthropic's agents; whatever else might be taken for its name counts too."""
    call = name_models(Call(), {"name": "agent", "model": model})
    assert [*call.models] == named
    assert call.model == (named[0] if len(named) == 1 else None)


def test_a_model_that_hides_in_how_it_runs_is_refused() -> None:
    """Nobody could tell which it is."""
    with pytest.raises(Refusal):
        name_models(Call(), {"model": {"id": "first", "other": {"x": "second"}}})


OWN_WORDS: dict[str, dict[str, Any]] = {
    "metadata": {"metadata": {"model": "x", "models": ["y"]}},
    "a tool's schema": {"tools": [{"type": "function", "function": {
        "name": "f", "parameters": {"properties": {"model": {"type": "string", "enum": ["T"]}}}}}]},
    "Anthropic's schema": {"tools": [{"name": "f", "input_schema": {"model": {"type": "x"}}}]},
    "an answer's schema": {"response_format": {"json_schema": {"schema": {"model": "x"}}},
                           "text": {"format": {"schema": {"models": ["x"]}}}},
    "examples of arguments": {"tools": [{"name": "f", "input_examples": [{"model": "T"}]}]},
    "a message's content": {"messages": [{"role": "user", "content": [
        {"type": "text", "text": "x", "model": "T"}]}]},
    "arguments of a call": {"messages": [{"role": "assistant", "content": [
        {"type": "tool_use", "name": "f", "input": {"model": "T"}}], "tool_calls": [
        {"function": {"name": "f", "arguments": {"model": "T"}}}]}]},
    "arguments among the items": {"input": [{"type": "mcp_call", "arguments": {"model": "T"}},
                                            {"type": "x", "input": {"model": "T"}}]},
    "a prompt's variables": {"prompt": {"id": "p", "variables": {"model": "T"}}},
    "documents": {"documents": [{"model": "T", "year": 1908}]},
    "a template's values": {"chat_template_kwargs": {"model": "T"}},
    "words that only look alike": {"model_kwargs": {"a": "b"}, "remodelled": "x", "modeling": "x"},
    "a switch": {"use_model": True, "provider": {"allow_fallbacks": False}, "models": []},
    "nothing": {"models": None, "fallbacks": [], "route": "fallback", "fallback": {"on": False}},
    "the same again": {"models": [FIRST], "fallbacks": [{"model": FIRST}]},
}  # fmt: skip


@pytest.mark.parametrize("case", OWN_WORDS)
def test_what_a_client_says_as_it_likes_names_no_model(case: str) -> None:
    """A car is no model that runs."""
    body = {"model": FIRST, **OWN_WORDS[case]}
    assert name_models(Call(model=FIRST), body).models == (FIRST,)


@pytest.mark.parametrize(
    "body",
    [
        {"models": [{"id": "x"}]},
        {"models": {"primary": "x"}},
        {"fallbacks": [{"gpt-4": ["x"]}]},
        {"model": {"name": "x"}},
        {"routes": [{"to": "x"}]},
    ],
)
def test_what_names_models_as_nobody_can_tell_is_refused(body: dict[str, Any]) -> None:
    """Every doubt is a DENY."""
    with pytest.raises(Refusal) as refused:
        name_models(Call(model=FIRST), body)
    assert refused.value.code == "CAPABILITY_UNKNOWN"


def test_the_only_model_is_the_calls_model() -> None:
    """A client secret's, which stands in its session."""
    call = name_models(Call(), {"session": {"model": "only"}})
    assert (call.model, call.models) == ("only", ("only",))
