"""Well-formed streams of blocks: the Messages API's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random

from helm_boundary.calls.call import Json

from .tellings import Call, Event, Manner, Place, in_turns, pieces


def block(call: Call, place: Place, usual: Json = None) -> Event:
    """Write a call's block as one place tells it."""
    told = call.tells(place, usual)
    value: Event = {"type": call.kind, "id": call.item_id, "name": told.name}
    if call.kind == "mcp_tool_use":
        value["server_name"] = "files"
    return {**value, "input": _as_object(told.arguments)}


def write_message(calls: Sequence[Call], rng: Random) -> list[Event]:
    """Write a message's stream; blocks may grow in turns, but start in their order."""
    spoken = [call for call in calls if call.speaks(Place.MESSAGE)]
    content = [block(call, Place.MESSAGE) for call in spoken]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    lanes = [list(_lane(call, rng)) for call in calls]
    if rng.random() < 0.2:
        lanes.append(_text(len(calls)))
    if rng.random() < 0.3:
        starts = [lane.pop(0) for lane in lanes]
        lanes = [starts, in_turns(rng, lanes)]
    blocks = [event for lane in lanes for event in lane]
    return [
        {"type": "message_start", "message": {**message, "content": content}},
        *blocks,
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
        {"type": "message_stop"},
    ]


def _lane(call: Call, rng: Random) -> Iterator[Event]:
    at = {"index": call.at}
    yield {"type": "content_block_start", **at, "content_block": block(call, Place.START, {})}
    if call.speaks(Place.DELTAS):
        for piece in pieces(rng, _as_text(call.tells(Place.DELTAS).arguments)):
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield {"type": "content_block_delta", **at, "delta": delta}
    yield {"type": "content_block_stop", **at}


def _text(at: int) -> list[Event]:
    delta = {"type": "text_delta", "text": "I will look."}
    return [
        {"type": "content_block_start", "index": at, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": at, "delta": delta},
        {"type": "content_block_stop", "index": at},
    ]


def _as_object(arguments: Json) -> Json:
    return json.loads(arguments) if isinstance(arguments, str) and arguments else arguments


def _as_text(arguments: Json) -> Json:
    return json.dumps(arguments) if isinstance(arguments, dict) else arguments


MESSAGES = Manner(
    ("tool_use", "tool_use", "server_tool_use", "mcp_tool_use"),
    (Place.START, Place.DELTAS, Place.MESSAGE),
    frozenset(),
    frozenset({Place.MESSAGE}),
    ({}, None),
    write_message,
)
