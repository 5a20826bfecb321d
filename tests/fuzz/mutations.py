"""Changes to a stream that no honest server makes, or makes by mistake."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random

from helm_boundary.calls.call import Json

from .tellings import DONE, Event

type Change = Callable[[Random, list[Event]], None]
type Spot = tuple[dict[str, Json] | list[Json], str | int]
"""A container, and the key of one of its members."""

POOL: tuple[Json, ...] = (
    "look", "move", "evil", "", None, 0, 1, 2, True, {}, [], "wipe",
    '{"p": "a"}', '{"p": "wipe"}', {"p": "wipe"}, ["wipe"],
    "item_0", "item_1", "call_0", "call_1", "resp_1",
    "function_call", "custom_tool_call", "mcp_call", "shell_call", "tool_call", "message",
    "function_call_output", "tool_use", "server_tool_use", "mcp_tool_use", "tool_result", "text",
    "in_progress", "completed", "input_json_delta", "text_delta", "stop", "tool_calls",
    {"name": "evil", "arguments": "{}"}, [{"function": {"name": "evil", "arguments": "{}"}}],
    {"type": "function_call", "name": "evil", "arguments": "{}"},
    {"type": "tool_use", "id": "t", "name": "evil", "input": {"p": "wipe"}},
)  # fmt: skip
"""What a member is set to: names, arguments, ids and types of others, and shapes of calls."""

_TYPES = (
    "response.function_call_arguments.delta", "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done",
    "response.mcp_call_arguments.delta", "response.mcp_call_arguments.done",
    "response.output_item.added", "response.output_item.done", "response.completed",
    "conversation.item.added", "conversation.item.done", "response.output_text.delta",
    "content_block_start", "content_block_delta", "content_block_stop", "message_start",
    "contentBlockStart", "contentBlockDelta", "contentBlockStop", "tool-call-start",
    "tool-call-delta", "tool-call-end", "function.call.delta", "message-end", "messageStop",
)  # fmt: skip

KEYS = (
    "name", "arguments", "input", "type", "id", "index", "output_index", "item_id", "call_id",
    "item", "items", "delta", "partial_json", "server_label", "server_name", "namespace", "tool",
    "content_index", "command_index", "function", "custom", "function_call", "tool_calls",
    "message", "content", "content_block", "action", "response", "output", "finish_reason", "text",
    "choices", "stream_id", "response_id", "status", "toolUse", "toolUseId", "contentBlockIndex",
    "functionCall", "function_call", "args", "parts", "candidates", "step", "event_type", "done",
    "tool_call_id",
)  # fmt: skip
"""The members that are added, in these letters or in others."""


def mutate(rng: Random, events: list[Event]) -> None:
    """Change a stream in one way, in place."""
    rng.choices(_CHANGES, _WEIGHTS)[0](rng, events)


def tell_member_twice(rng: Random, raw: bytes) -> bytes:
    """Put one more member first in an object, which may have it twice now."""
    places = [at for at, byte in enumerate(raw) if byte == ord("{")]
    if not places:
        return raw
    at = rng.choice(places) + 1
    member = f"{json.dumps(_key(rng))}:{json.dumps(rng.choice(POOL))},".encode()
    return raw[:at] + member + raw[at:]


def spots(value: Json) -> Iterator[Spot]:
    """Every member at and below a value."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from spots(value[key])


def _repeat(rng: Random, events: list[Event]) -> None:
    events.insert(rng.randint(0, len(events)), copy.deepcopy(rng.choice(events)))


def _repeat_otherwise(rng: Random, events: list[Event]) -> None:
    again = copy.deepcopy(_any(rng, events))
    events.insert(rng.randint(0, len(events)), again)
    _set(rng, again)


def _swap(rng: Random, events: list[Event]) -> None:
    one, other = rng.randrange(len(events)), rng.randrange(len(events))
    events[one], events[other] = events[other], events[one]


def _drop(rng: Random, events: list[Event]) -> None:
    if len(events) > 1:
        events.pop(rng.randrange(len(events)))


def _set_member(rng: Random, events: list[Event]) -> None:
    _set(rng, _any(rng, events))


def _copy_member(rng: Random, events: list[Event]) -> None:
    """Copy a member's value to one of the same name in another event."""
    source, key = rng.choice(list(spots(_any(rng, events))))
    target = _any(rng, events)
    alike = [(holder, at) for holder, at in spots(target) if at == key]
    holder, at = rng.choice(alike or [(target, key)])
    if isinstance(holder, dict) == isinstance(at, str):
        holder[at] = copy.deepcopy(source[key])  # type: ignore[index]


def _retype(rng: Random, events: list[Event]) -> None:
    """Give an event a type that events of other kinds of calls have."""
    event = _any(rng, events)
    if isinstance(event.get("type"), str):
        event["type"] = rng.choice(_TYPES)


def _remove_member(rng: Random, events: list[Event]) -> None:
    holder, key = rng.choice(list(spots(_any(rng, events))))
    holder.pop(key)  # type: ignore[arg-type]


def _add_member(rng: Random, events: list[Event]) -> None:
    event = _any(rng, events)
    holders = [event, *(holder[key] for holder, key in spots(event))]  # type: ignore[index]
    holder = rng.choice([holder for holder in holders if isinstance(holder, dict)])
    key = _key(rng)
    holder[key if key not in holder else key.capitalize()] = copy.deepcopy(rng.choice(POOL))


def _respell_name(rng: Random, events: list[Event]) -> None:
    """Spell a member's name in other letters, in its place or beside it with another value."""
    found = [(h, k) for h, k in spots(_any(rng, events)) if isinstance(h, dict)]
    holder, key = rng.choice(found or [({"type": ""}, "type")])
    assert isinstance(holder, dict)
    assert isinstance(key, str)
    if rng.random() < 0.5:
        holder[_respelt(rng, key)] = holder.pop(key)
    else:
        holder[_respelt(rng, key)] = copy.deepcopy(rng.choice(POOL))


def _set(rng: Random, event: Event) -> None:
    holder, key = rng.choice(list(spots(event)) or [(event, "type")])
    holder[key] = copy.deepcopy(rng.choice(POOL))  # type: ignore[index]


def _any(rng: Random, events: list[Event]) -> Event:
    told = [event for event in events if event and event != DONE]
    return rng.choice(told or [{"type": ""}])


def _key(rng: Random) -> str:
    key = rng.choice(KEYS)
    return key if rng.random() < 0.8 else _respelt(rng, key)


def _respelt(rng: Random, key: str) -> str:
    return rng.choice((key.capitalize(), key.upper(), key.title(), key.replace("s", "\u017f")))


_WEIGHTS, _CHANGES = zip(
    (12, _repeat),
    (10, _repeat_otherwise),
    (10, _swap),
    (7, _drop),
    (30, _set_member),
    (8, _copy_member),
    (4, _retype),
    (9, _remove_member),
    (10, _add_member),
    (6, _respell_name),
    strict=True,
)
