"""Well-formed streams of items: the Responses API's, over HTTP and WebSockets, and Realtime's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from helm_boundary.calls.call import Json

from .tellings import Call, Event, Manner, Place, in_turns, pieces

_STEMS = {
    "function_call": "function_call_arguments",
    "custom_tool_call": "custom_tool_call_input",
    "mcp_call": "mcp_call_arguments",
}
_RESPONSE = {"id": "resp_1", "object": "response", "model": "m"}


def item(call: Call, place: Place, usual: Json = None, status: str = "completed") -> Event:
    """Write a call's item as one place tells it."""
    told = call.tells(place, usual)
    value: Event = {"id": call.item_id, "type": call.kind, "status": status}
    if call.kind == "shell_call":
        commands = [told.arguments] if told.arguments else []
        return {**value, "call_id": call.call_id, "action": {"commands": commands}}
    if call.kind == "mcp_call":
        value["server_label"] = "files"
    else:
        value["call_id"] = call.call_id
    part = "input" if call.kind == "custom_tool_call" else "arguments"
    return {**value, "name": told.name, part: told.arguments}


def write_response(calls: Sequence[Call], rng: Random) -> list[Event]:
    """Write a response's stream."""
    lanes = [list(_lane(call, rng)) for call in calls]
    if rng.random() < 0.2:
        lanes.append(_text(len(calls), rng))
    events = in_turns(rng, lanes)
    final = [item(call, Place.FINAL) for call in calls if call.speaks(Place.FINAL)]
    begun = {"type": "response.created", "response": {**_RESPONSE, "output": []}}
    ended = {**_RESPONSE, "status": "completed", "output": final}
    return [begun, *events, {"type": "response.completed", "response": ended}]


def write_session(calls: Sequence[Call], rng: Random) -> list[Event]:
    """Write a response of a Realtime session."""
    events = in_turns(rng, [list(_session_lane(call, rng)) for call in calls])
    final = [item(call, Place.FINAL) for call in calls if call.speaks(Place.FINAL)]
    begun = {"type": "response.created", "response": {"id": "resp_1", "output": []}}
    ended = {"id": "resp_1", "status": "completed", "output": final}
    return [begun, *events, {"type": "response.done", "response": ended}]


def _lane(call: Call, rng: Random) -> Iterator[Event]:
    at = {"output_index": call.at}
    start = item(call, Place.START, "", "in_progress")
    yield {"type": "response.output_item.added", **at, "item": start}
    yield from _parts(call, rng, {**at, "item_id": call.item_id} if rng.random() < 0.9 else at)
    yield {"type": "response.output_item.done", **at, "item": item(call, Place.ITEM)}


def _session_lane(call: Call, rng: Random) -> Iterator[Event]:
    at = {"response_id": "resp_1", "output_index": call.at}
    start = item(call, Place.START, "", "in_progress")
    begun: list[Event] = [{"type": "response.output_item.added", **at, "item": start}]
    if call.speaks(Place.SHOWN):
        shown = item(call, Place.SHOWN, "", "in_progress")
        begun.append({"type": "conversation.item.added", "item": shown})
        rng.shuffle(begun)
    yield from begun
    own = {"item_id": call.item_id} | ({} if call.kind == "mcp_call" else {"call_id": call.call_id})
    yield from _parts(call, rng, {**at, **own})
    yield {"type": "response.output_item.done", **at, "item": item(call, Place.ITEM)}
    if call.speaks(Place.KEPT):
        yield {"type": "conversation.item.done", "item": item(call, Place.KEPT)}


def _parts(call: Call, rng: Random, where: Event) -> Iterator[Event]:
    if call.kind == "shell_call":
        return
    stem = f"response.{_STEMS[call.kind]}"
    if call.speaks(Place.DELTAS):
        for piece in pieces(rng, call.tells(Place.DELTAS).arguments):
            yield {"type": f"{stem}.delta", **where, "delta": piece}
    if call.speaks(Place.DONE):
        told = call.tells(Place.DONE)
        named = Place.DONE in call.told or rng.random() < 0.5
        name = {"name": told.name} if named else {}
        part = "input" if call.kind == "custom_tool_call" else "arguments"
        yield {"type": f"{stem}.done", **where, **name, part: told.arguments}


def _text(at: int, rng: Random) -> list[Event]:
    message: Event = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    where = {"output_index": at, "item_id": "msg_1", "content_index": 0}
    deltas: list[Event] = [
        {"type": "response.output_text.delta", **where, "delta": piece}
        for piece in pieces(rng, "I will look.")
    ]
    done = {**message, "content": [{"type": "output_text", "text": "I will look."}]}
    return [
        {"type": "response.output_item.added", "output_index": at, "item": message},
        *deltas,
        {"type": "response.output_item.done", "output_index": at, "item": done},
    ]


_KINDS = ("function_call", "function_call", "custom_tool_call", "mcp_call", "shell_call")
_PLACES = (Place.START, Place.DELTAS, Place.DONE, Place.ITEM, Place.FINAL)
_OPTIONAL = frozenset({Place.DELTAS, Place.DONE, Place.FINAL})

RESPONSES = Manner(_KINDS, _PLACES, _OPTIONAL, frozenset(), ("{}", None), write_response)
REALTIME = Manner(
    ("function_call", "function_call", "mcp_call"),
    (*_PLACES, Place.SHOWN, Place.KEPT),
    _OPTIONAL | {Place.SHOWN, Place.KEPT},
    frozenset(),
    ("{}", None),
    write_session,
)
