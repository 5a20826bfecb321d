"""Readers of providers' own streams, after their SDKs and what LangChain builds on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from helm_boundary.calls.call import Json

from .readers import Held, key, members, objects, text
from .spellings import View
from .tellings import Event

type Step = tuple[str, str, str, Json]
"""What an event does to a call: `start`, `grow` or `stop`, of which place; a name; arguments."""


def read_ollama(view: View) -> Iterator[Held]:
    """Read whole calls of each line's message."""
    for at, event in _events(view):
        for call in objects(members(event.get("message")).get("tool_calls")):
            function = members(call.get("function"))
            yield from _held("a line", at, function.get("name"), function.get("arguments"))


def read_gemini(view: View) -> Iterator[Held]:
    """Read whole calls of each candidate's parts, as the REST API and protobuf spell them."""
    for at, event in _events(view):
        for candidate in objects(event.get("candidates")):
            for part in objects(members(candidate.get("content")).get("parts")):
                for spelt in ("functionCall", "function_call"):
                    call = members(part.get(spelt))
                    yield from _held(spelt, at, call.get("name"), call.get("args"))


def read_cohere(view: View) -> Iterator[Held]:
    """Read calls by their index, and as those do who have one at a time."""
    return _grown(view, _cohere_step)


def read_bedrock(view: View) -> Iterator[Held]:
    """Read blocks by their index, and as those do who have one at a time."""
    return _grown(view, _bedrock_step)


def read_interactions(view: View) -> Iterator[Held]:
    """Read steps by their index, and as those do who have one at a time."""
    return _grown(view, _interactions_step)


def read_conversations(view: View) -> Iterator[Held]:
    """Read functions' calls by the id of their result, and by their own."""
    for reader, member in (("by call", "tool_call_id"), ("by entry", "id")):
        words: dict[str, str] = {}
        names: dict[str, str] = {}
        at = 0
        for at, event in _events(view):  # noqa: B007 - the last one is where the reader is done
            if event.get("type") == "function.call.delta":
                place = key(event.get(member))
                words[place] = words.get(place, "") + text(event.get("arguments"))
                names[place] = text(event.get("name")) or names.get(place, "")
        for place, said in words.items():
            yield from _held(reader, at, names[place], said)


def read_dashscope(view: View) -> Iterator[Held]:
    """Read calls by their index, added up."""
    words: dict[str, str] = {}
    names: dict[str, str] = {}
    at = 0
    for at, event in _events(view):  # noqa: B007 - the last one is where the reader is done
        for choice in objects(members(event.get("output")).get("choices")):
            for call in objects(members(choice.get("message")).get("tool_calls")):
                place, function = key(call.get("index")), members(call.get("function"))
                words[place] = words.get(place, "") + text(function.get("arguments"))
                names[place] = text(function.get("name")) or names.get(place, "")
    for place, name in names.items():
        yield from _held("added up", at, name, words[place])


def _cohere_step(event: Event) -> Step | None:
    calls = members(members(members(event.get("delta")).get("message")).get("tool_calls"))
    function = members(calls.get("function"))
    kinds = {"tool-call-start": "start", "tool-call-delta": "grow", "tool-call-end": "stop"}
    kind = kinds.get(text(event.get("type")))
    said = function.get("arguments")
    if kind is None:
        return None
    return kind, key(event.get("index")), text(function.get("name")), said


def _bedrock_step(event: Event) -> Step | None:
    kinds = {"contentBlockStart": "start", "contentBlockDelta": "delta"}
    kind, place = text(event.get("type")), key(event.get("contentBlockIndex"))
    use = members(members(event.get(kinds.get(kind, ""))).get("toolUse"))
    if kind == "contentBlockStart" and use:
        return "start", place, text(use.get("name")), ""
    if kind == "contentBlockDelta" and use:
        return "grow", place, "", use.get("input")
    return ("stop", place, "", None) if kind == "contentBlockStop" else None


def _interactions_step(event: Event) -> Step | None:
    kind, place = text(event.get("event_type")), key(event.get("index"))
    step, delta = members(event.get("step")), members(event.get("delta"))
    if kind == "step.start" and step.get("type") == "function_call":
        return "start", place, text(step.get("name")), step.get("arguments")
    if kind == "step.delta" and "arguments" in delta:
        return "grow", place, "", delta["arguments"]
    return ("stop", place, "", None) if kind == "step.stop" else None


def _grown(view: View, step_of: Callable[[Event], Step | None]) -> Iterator[Held]:
    for reader in ("by index", "one at a time"):
        names: dict[str, str] = {}
        words: dict[str, str] = {}
        begun: dict[str, Json] = {}
        at = 0
        for at, event in _events(view):
            step = step_of(event)
            if step is None:
                continue
            kind, index, name, said = step
            place = index if reader == "by index" else ""
            if kind == "start":
                names[place], words[place], begun[place] = name, text(said), said
            elif kind == "grow" and place in names:
                words[place] += text(said)
            elif kind == "stop" and place in names:
                yield from _one(reader, at, names[place], words[place] or begun[place])
        for place, name in names.items():
            yield from _one(reader, at, name, words[place] or begun[place])


def _one(reader: str, at: int, name: str, said: Json) -> Iterator[Held]:
    """Hold a call; who has one at a time mixes those that grow in turns, which spells nothing."""
    if reader == "by index" or not isinstance(said, str) or _is_json(said):
        yield from _held(reader, at, name, said)


def _events(view: View) -> list[tuple[int, Event]]:
    return [(at, event) for at, event in enumerate(view) if isinstance(event, dict)]


def _held(reader: str, at: int, name: Json, arguments: Json) -> Iterator[Held]:
    if text(name):
        yield Held(reader, at, text(name), arguments)


def _is_json(words: str) -> bool:
    try:
        json.loads(words)
    except ValueError:
        return not words
    return True
