"""Tool calls, and what each place of a stream tells of one."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from helm_boundary.calls.call import Json

type Event = dict[str, Json]

DONE: Event = {"[DONE]": True}
"""What ends a chat completion's stream; it isn't JSON, and isn't mutated."""


class Place(enum.StrEnum):
    """Where a stream tells a tool call."""

    START = "the event that begins it"
    SHOWN = "the conversation's item when it begins"
    DELTAS = "the deltas"
    AGAIN = "a delta that names it again"
    DONE = "the event that its arguments are done"
    ITEM = "the finished item"
    KEPT = "the conversation's finished item"
    FINAL = "the final response"
    MESSAGE = "a whole message beside the deltas"


@dataclass(frozen=True, slots=True)
class Told:
    """What one place tells."""

    name: Json
    arguments: Json


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call: `told` is where a place tells something of its own, `silent` tell nothing."""

    at: int
    kind: str
    name: str
    arguments: str
    told: Mapping[Place, Told] = field(default_factory=dict)
    silent: frozenset[Place] = frozenset()

    @property
    def item_id(self) -> str:
        """The id of its item or block."""
        return f"item_{self.at}"

    @property
    def call_id(self) -> str:
        """The id that its result will name."""
        return f"call_{self.at}"

    def tells(self, place: Place, usual: Json = None) -> Told:
        """Say what a place tells: something of its own, else the name and the `usual` arguments."""
        ordinary = Told(self.name, self.arguments if usual is None else usual)
        return self.told.get(place, ordinary)

    def speaks(self, place: Place) -> bool:
        """Whether the stream has that place at all."""
        return place not in self.silent

    def retold(self, place: Place, told: Told) -> Call:
        """Have that place tell the call so."""
        return replace(self, told={**self.told, place: told}, silent=self.silent - {place})


@dataclass(frozen=True, slots=True)
class Manner:
    """How a dialect tells calls: `optional` places are often silent, `odd` ones always honestly."""

    kinds: tuple[str, ...]
    places: tuple[Place, ...]
    optional: frozenset[Place]
    odd: frozenset[Place]
    beginnings: tuple[Json, ...]
    """What honest servers tell at the start of arguments that come later."""
    write: Callable[[Sequence[Call], Random], list[Event]]


NAMES = ("look", "move")
ARGUMENTS = ('{"p": "a"}', '{"p": "b", "n": 1}')


def draw_calls(rng: Random, manner: Manner) -> list[Call]:
    """Draw one or two calls as an honest server tells them."""
    return [_draw_call(rng, manner, at) for at in range(rng.choice((1, 2, 2)))]


def _draw_call(rng: Random, manner: Manner, at: int) -> Call:
    silent = {place for place in manner.places if place in manner.optional and rng.random() < 0.3}
    arguments = rng.choice((*ARGUMENTS, "{}")) if rng.random() < 0.2 else ARGUMENTS[at]
    kind = rng.choice(manner.kinds)
    call = Call(at, kind, NAMES[at], arguments, silent=frozenset(silent | manner.odd))
    if manner.beginnings and kind not in ("custom_tool_call", "shell_call") and rng.random() < 0.2:
        return call.retold(Place.START, Told(call.name, rng.choice(manner.beginnings)))
    return call


def retell(rng: Random, manner: Manner, calls: list[Call]) -> list[Call]:
    """Have one call told in one more way, in one or two of its places."""
    at = rng.randrange(len(calls))
    call = calls[at]
    for place in rng.sample(manner.places, min(len(manner.places), rng.choice((1, 1, 2)))):
        call = call.retold(place, _draw_told(rng, call))
    return [*calls[:at], call, *calls[at + 1 :]]


def _draw_told(rng: Random, call: Call) -> Told:
    name = rng.choice((call.name, call.name, "evil", "", None))
    spelt: tuple[Json, ...] = (call.arguments, json.dumps(json.loads(call.arguments), indent=1))
    other: tuple[Json, ...] = ('{"p": "wipe"}', {"p": "wipe"}, "", "{}", None, {})
    return Told(name, rng.choice(spelt if rng.random() < 0.4 else other))


def in_turns(rng: Random, lanes: Sequence[Sequence[Event]]) -> list[Event]:
    """Merge the lanes' events: one lane after another, or in turns."""
    if rng.random() < 0.6:
        return [event for lane in lanes for event in lane]
    rests = [list(lane) for lane in lanes]
    merged: list[Event] = []
    while rests := [rest for rest in rests if rest]:
        merged.append(rng.choice(rests).pop(0))
    return merged


def pieces(rng: Random, words: Json) -> list[Json]:
    """Cut words into deltas; what is no text is one."""
    if not isinstance(words, str):
        return [words]
    cuts = sorted(rng.randint(0, len(words)) for _ in range(rng.choice((0, 1, 1, 2))))
    return [words[a:b] for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]
