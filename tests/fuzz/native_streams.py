"""Well-formed streams of providers' own APIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random

from helm_boundary.calls.call import Json

from .tellings import Call, Event, Manner, Place, in_turns, pieces

type Lane = Callable[[Call, Random], Iterator[Event]]


def as_object(arguments: Json) -> Json:
    """Return arguments as the object that they spell."""
    return json.loads(arguments) if isinstance(arguments, str) and arguments else arguments


def as_text(arguments: Json) -> Json:
    """Return arguments as JSON text."""
    return json.dumps(arguments) if isinstance(arguments, dict) else arguments


def _words(call: Call, rng: Random) -> Iterator[Json]:
    if call.speaks(Place.DELTAS):
        yield from pieces(rng, as_text(call.tells(Place.DELTAS).arguments))


# -- whole in one event ----------------------------------------------------------------------


def _ollama(call: Call, _: Random) -> Iterator[Event]:
    told = call.tells(Place.START)
    function = {"name": told.name, "arguments": as_object(told.arguments)}
    message = {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}
    yield {"model": "m", "message": message, "done": False}


def _gemini(call: Call, _: Random) -> Iterator[Event]:
    told = call.tells(Place.START)
    part = {"functionCall": {"name": told.name, "args": as_object(told.arguments)}}
    yield {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}]}


# -- started, grown and stopped --------------------------------------------------------------


def _cohere(call: Call, rng: Random) -> Iterator[Event]:
    def event(kind: str, **function: Json) -> Event:
        told = {"tool_calls": {"function": function}}
        return {"type": kind, "index": call.at, "delta": {"message": told}}

    told = call.tells(Place.START, "")
    start = event("tool-call-start", name=told.name, arguments=as_text(told.arguments))
    start["delta"]["message"]["tool_calls"] |= {"id": call.call_id, "type": "function"}
    yield start
    for words in _words(call, rng):
        yield event("tool-call-delta", arguments=words)
    yield {"type": "tool-call-end", "index": call.at}


def _bedrock(call: Call, rng: Random) -> Iterator[Event]:
    at = {"contentBlockIndex": call.at}
    told = call.tells(Place.START)
    use = {"toolUseId": call.call_id, "name": told.name}
    yield {"type": "contentBlockStart", **at, "start": {"toolUse": use}}
    for words in _words(call, rng):
        yield {"type": "contentBlockDelta", **at, "delta": {"toolUse": {"input": words}}}
    yield {"type": "contentBlockStop", **at}


def _interactions(call: Call, rng: Random) -> Iterator[Event]:
    told = call.tells(Place.START, {})
    step = {"type": "function_call", "id": call.call_id, "name": told.name,
            "arguments": as_object(told.arguments)}  # fmt: skip
    yield {"event_type": "step.start", "index": call.at, "step": step}
    for words in _words(call, rng):
        delta = {"type": "arguments_delta", "arguments": words}
        yield {"event_type": "step.delta", "index": call.at, "delta": delta}
    yield {"event_type": "step.stop", "index": call.at}


# -- a name and the next words in each event -------------------------------------------------


def _conversations(call: Call, rng: Random) -> Iterator[Event]:
    name = call.tells(Place.DELTAS).name
    for words in _words(call, rng):
        yield {"type": "function.call.delta", "id": call.item_id, "tool_call_id": call.call_id,
               "name": name, "arguments": words}  # fmt: skip


def _dashscope(call: Call, rng: Random) -> Iterator[Event]:
    for number, words in enumerate(_words(call, rng)):
        name = call.tells(Place.DELTAS).name if number == 0 else ""
        called = {"index": call.at, "id": call.call_id, "type": "function",
                  "function": {"name": name, "arguments": words}}  # fmt: skip
        message = {"role": "assistant", "content": "", "tool_calls": [called]}
        yield {"output": {"choices": [{"message": message, "finish_reason": "null"}]}}


def _manner(
    lane: Lane,
    places: tuple[Place, ...],
    begins: Sequence[Event],
    ends: Sequence[Event],
    *,
    in_order: bool = False,
    beginnings: tuple[Json, ...] = (),
) -> Manner:
    def write(calls: Sequence[Call], rng: Random) -> list[Event]:
        lanes = [list(lane(call, rng)) for call in calls]
        told = [event for each in lanes for event in each] if in_order else in_turns(rng, lanes)
        return [*begins, *told, *ends]

    return Manner(("function",), places, frozenset(), frozenset(), beginnings, write)


WHOLE, GROWN, PIECES = (Place.START,), (Place.START, Place.DELTAS), (Place.DELTAS,)
_STEPS = {"object": "interaction", "status": "requires_action"}

OLLAMA = _manner(_ollama, WHOLE, [], [{"model": "m", "message": {}, "done": True}])
GEMINI = _manner(_gemini, WHOLE, [], [
    {"candidates": [{"content": {"parts": []}, "index": 0, "finishReason": "STOP"}]},
])  # fmt: skip
COHERE = _manner(
    _cohere,
    GROWN,
    [{"type": "message-start", "delta": {"message": {"role": "assistant"}}}],
    [{"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}}],
    in_order=True,
)
BEDROCK = _manner(
    _bedrock,
    GROWN,
    [{"type": "messageStart", "role": "assistant"}],
    [{"type": "messageStop", "stopReason": "tool_use"}],
    in_order=True,
)
INTERACTIONS = _manner(
    _interactions,
    GROWN,
    [{"event_type": "interaction.created", "interaction": {"object": "interaction"}}],
    [{"event_type": "interaction.completed", "interaction": _STEPS}],
    in_order=True,
    beginnings=({},),
)
CONVERSATIONS = _manner(
    _conversations,
    PIECES,
    [
        {"type": "conversation.response.started", "conversation_id": "c"},
        {"type": "tool.execution.started", "id": "x", "name": "web_search", "arguments": ""},
        {"type": "tool.execution.done", "id": "x", "name": "web_search", "info": {}},
    ],
    [{"type": "conversation.response.done", "usage": {}}],
)
DASHSCOPE = _manner(_dashscope, PIECES, [], [
    {"output": {"choices": [{"message": {"content": ""}, "finish_reason": "tool_calls"}]}},
])  # fmt: skip
