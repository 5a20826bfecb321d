"""The default policy against a credential that is hidden wherever a chat can hide one."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Iterator
from typing import Any

import pytest

from support.scene import Scene, assert_refusal, scene

_chance = random.Random(7)
SECRET = "ghp_" + "".join(_chance.choices(string.ascii_letters + string.digits, k=36))
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}


def tool(**function: Any) -> dict[str, Any]:
    """A chat that offers this tool."""
    return {
        **BODY,
        "tools": [{"type": "function", "function": {"name": "get_weather", **function}}],
    }


def said(content: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    """A chat in which this is said."""
    return {**BODY, "messages": [*BODY["messages"], {"role": role, "content": content, **more}]}


def calling(arguments: str, name: str = "get_weather") -> dict[str, Any]:
    """A chat with a tool call of before."""
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}
    return said(None, "assistant", tool_calls=[call])


PLACES: dict[str, dict[str, Any]] = {
    "a message": said(f"use {SECRET}"),
    "a part of a message": said([{"type": "text", "text": SECRET}]),
    "a part of an unknown type": said([{"type": "thought", "thought": {"deep": [SECRET]}}]),
    "the name of a speaker": said("hello", name=SECRET),
    "a tool's result": said(SECRET, "tool", tool_call_id="c"),
    "a tool call's id": said("fine", "tool", tool_call_id=SECRET),
    "a tool call's arguments": calling(json.dumps({"key": SECRET})),
    "a tool call's name": calling("{}", name=SECRET),
    "escapes in arguments beside a number of many digits": calling(
        json.dumps({"key": SECRET, "n": 0})
        .replace("gh", "\\u0067h", 1)
        .replace("0}", "9" * 5000 + "}")
    ),
    "escapes in arguments": calling(json.dumps({"key": SECRET}).replace("gh", "\\u0067h", 1)),
    "a tool's description": tool(description=SECRET),
    "a property's name": tool(parameters={"properties": {SECRET: {"type": "string"}}}),
    "a property's default": tool(parameters={"properties": {"key": {"default": SECRET}}}),
    "an enumeration": tool(parameters={"properties": {"key": {"enum": ["a", SECRET]}}}),
    "a type": tool(parameters={"type": SECRET}),
    "a role": said("hello", SECRET),
    "metadata": {**BODY, "metadata": {"note": SECRET}},
    "the user": {**BODY, "user": SECRET},
    "a stop sequence": {**BODY, "stop": [SECRET]},
    "a name nobody knows": {**BODY, SECRET: True},
    "the model": {**BODY, "model": SECRET},
    "an image's address": said(
        [{"type": "image_url", "image_url": {"url": f"https://example.com/{SECRET}.png"}}]
    ),
    "a text that says it is data": said(
        [{"type": "image_url", "image_url": {"url": f"data:,{SECRET}"}}]
    ),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A boundary with the default policy."""
    with scene(tmp_path_factory.mktemp("default"), policy=None) as stage:
        yield stage


@pytest.mark.parametrize("place", PLACES)
def test_a_credential_does_not_leave(stage: Scene, place: str) -> None:
    """Refused, nothing reaches the upstream, and the refusal doesn't repeat it."""
    body = json.dumps(PLACES[place]).encode()
    with stage.untouched():
        answer = stage.post(body)
    assert_refusal(answer, answer.code)
    assert SECRET.encode() not in answer.body
    request, outcome = stage.records(answer.correlation)
    assert (request["verdict"], outcome["outcome"]["end"]) == ("DENY", "denied")
    assert SECRET not in json.dumps([request, outcome])


def test_base64_is_not_looked_into(stage: Scene) -> None:
    """What SECURITY.md says about detectors is true: they find patterns, not meaning."""
    encoded = base64.b64encode(SECRET.encode()).decode()
    assert stage.post(json.dumps(said(f"use {encoded}")).encode()).status == 200
