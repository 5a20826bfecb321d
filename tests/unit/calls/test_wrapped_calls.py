"""Calls within the arguments of another one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from helm_boundary.calls.call import Answer
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects.json_shape import tool_call

WEATHER = {"recipient_name": "functions.weather", "parameters": {"city": "Rome"}}


def answer(name: str, arguments: Any) -> Answer:
    """Build an answer with one call."""
    return Answer(200, tool_calls=(tool_call(name, arguments, pointer="/output/0"),))


@pytest.mark.parametrize("name", ["parallel", "multi_tool_use.parallel", "anything"])
@pytest.mark.parametrize("is_text", [True, False])
def test_what_a_call_wraps_is_called_too(name: str, is_text: bool) -> None:
    """By its own name, with its own arguments, and once however often the answer is copied."""
    said: Any = {"tool_uses": [WEATHER, {"recipient_name": "pay", "parameters": {"sum": 1}}]}
    found = replace(answer(name, json.dumps(said) if is_text else said), complete=False)
    assert [call.name for call in found.tool_calls] == [name, "weather", "pay"]
    assert [call.arguments for call in found.tool_calls[1:]] == [{"city": "Rome"}, {"sum": 1}]
    assert [call.arguments_text for call in found.tool_calls[2:]] == ['{"sum": 1}']
    assert len({call.pointer for call in found.tool_calls}) == 3


def test_a_wrapper_within_a_wrapper_is_opened_too() -> None:
    """Each client opens what it opens; all that it may run is named."""
    inner = {"recipient_name": "functions.parallel", "parameters": {"tool_uses": [WEATHER]}}
    found = answer("parallel", {"tool_uses": [inner]})
    assert [call.name for call in found.tool_calls] == ["parallel", "parallel", "weather"]


def test_another_call_where_a_wrapped_one_stands_hides_nothing() -> None:
    """A server that chooses its items' ids could give one the place of what another wraps."""
    wrapper = tool_call("parallel", {"tool_uses": [WEATHER]}, pointer="/output/a")
    decoy = tool_call("look", "{}", pointer="/output/a/tool_uses/0")
    found = Answer(200, tool_calls=(wrapper, decoy))
    assert [call.name for call in found.tool_calls] == ["parallel", "look", "weather"]
    assert replace(found) == found


def test_wrappers_are_opened_a_few_deep() -> None:
    """Each has all that is within it, so a hundred would be a hundred times the bytes."""
    said: Any = {"tool_uses": [WEATHER]}
    for _ in range(3):
        said = {"tool_uses": [{"recipient_name": "parallel", "parameters": said}]}
    assert len(answer("parallel", said).tool_calls) == 5
    with pytest.raises(Refusal, match="more than 4 deep"):
        answer("parallel", {"tool_uses": [{"recipient_name": "parallel", "parameters": said}]})


@pytest.mark.parametrize(
    "written",
    ['{"tool_uses": [], "tool_uses": [%s]}', '{"tool\\u005fuses": [%s]}', ' {"tool_uses":[%s]}\n'],
)
def test_a_wrapper_spelt_otherwise_is_opened(written: str) -> None:
    """A member twice, and escapes in its name, as lenient parsers read them."""
    found = answer("parallel", written % json.dumps(WEATHER))
    assert [call.name for call in found.tool_calls] == ["parallel", "weather"]


@pytest.mark.parametrize(
    "said",
    [
        {"tool_uses": "x"}, {"tool_uses": [1, {}, {"recipient_name": 1}]}, {"tool_uses": {}},
        {"tool_uses": [{"recipient_name": "functions."}]}, "{\"tool_uses\": [", ["tool_uses"],
    ],
)  # fmt: skip
def test_what_names_no_recipient_wraps_nothing(said: Any) -> None:
    """It is a call like any other."""
    assert len(answer("parallel", said).tool_calls) == 1
