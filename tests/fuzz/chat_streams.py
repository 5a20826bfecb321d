"""Well-formed streams of chat completions and of completions of old."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from helm_boundary.calls.call import Json

from .tellings import DONE, Call, Event, Manner, Place, Told, in_turns, pieces

_OLD = "function_call"
_CUSTOM = "custom"


def write_chat(calls: Sequence[Call], rng: Random) -> list[Event]:
    """Write a chat completion's stream of one choice; a call of the old kind is its only one."""
    if any(call.kind == _OLD for call in calls):
        calls = calls[:1]
    return _write(calls, [0 for _ in calls], rng)


def write_choices(calls: Sequence[Call], rng: Random) -> list[Event]:
    """Write a stream of several choices, with a call in each."""
    return _write(calls, [call.at for call in calls], rng)


def _write(calls: Sequence[Call], choices: list[int], rng: Random) -> list[Event]:
    lanes = [list(_lane(call, at, rng)) for call, at in zip(calls, choices, strict=True)]
    said = [chunk(0, {"role": "assistant", "content": "I will look."})]
    ends = [chunk(at, {}, finish_reason="tool_calls") for at in sorted(set(choices))]
    used = [{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}]
    body = [*in_turns(rng, lanes), *ends, *(used if rng.random() < 0.3 else ())]
    return [*(said if rng.random() < 0.5 else ()), *body, DONE]


def write_completion(calls: Sequence[Call], rng: Random) -> list[Event]:
    """Write a completion's stream, which has no calls; one may be told where none belongs."""
    texts = [{"index": 0, "text": str(piece)} for piece in pieces(rng, "I will look.")]
    strays = [
        {"index": 0, "text": "", **({"delta": delta} if rng.random() < 0.5 else {"message": delta})}
        for call in calls
        if call.speaks(Place.MESSAGE)
        for delta in [_message(call)]
    ]
    choices = [*texts, *strays, {"index": 0, "text": "", "finish_reason": "stop"}]
    return [*({"object": "text_completion", "choices": [choice]} for choice in choices), DONE]


def chunk(choice: int, delta: Event, **beside: Json) -> Event:
    """One chunk with one choice."""
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": choice, "delta": delta, "finish_reason": None, **beside}],
    }


def _lane(call: Call, choice: int, rng: Random) -> Iterator[Event]:
    at = 0 if choice else call.at
    yield chunk(choice, _delta(call, at, call.tells(Place.START, ""), call.call_id))
    if call.speaks(Place.DELTAS):
        for piece in pieces(rng, call.tells(Place.DELTAS).arguments):
            yield chunk(choice, _delta(call, at, Told(None, piece), None))
    if call.speaks(Place.AGAIN):
        yield chunk(choice, _delta(call, at, call.tells(Place.AGAIN, ""), call.call_id))
    if call.speaks(Place.MESSAGE):
        yield chunk(choice, {}, message=_message(call))


def _delta(call: Call, at: int, told: Told, call_id: str | None) -> Event:
    part = "input" if call.kind == _CUSTOM else "arguments"
    said = {part: told.arguments} | ({} if told.name is None else {"name": told.name})
    if call.kind == _OLD:
        return {"function_call": said}
    own = {} if call_id is None else {"id": call_id, "type": call.kind}
    return {"tool_calls": [{"index": at, **own, call.kind: said}]}


def _message(call: Call) -> Event:
    return _delta(call, 0, call.tells(Place.MESSAGE), call.call_id)


CHAT = Manner(
    ("function", "function", _CUSTOM, _OLD),
    (Place.START, Place.DELTAS, Place.AGAIN, Place.MESSAGE),
    frozenset({Place.AGAIN}),
    frozenset({Place.MESSAGE}),
    (),
    write_chat,
)
CHOICES = replace(CHAT, write=write_choices)
COMPLETIONS = Manner(
    ("function", _OLD),
    (Place.MESSAGE,),
    frozenset(),
    frozenset({Place.MESSAGE}),
    (),
    write_completion,
)
