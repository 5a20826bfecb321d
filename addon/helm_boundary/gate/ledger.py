"""The ledger of a stream's tool calls: begun, complete, judged, and told once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..calls.call import ToolCall
from ..calls.refusal import schema_violation
from .tellings import Telling, ToldCall, agree_in_names, extends, is_empty, tells, told_in_two_ways

type Place = int | str
"""Where a tool call stands in its stream: an index, or its item's id."""

type Read = Callable[[str | None], ToolCall]
"""Reads a finished item as a tool call; with a text, with that in place of its arguments."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished item, as it was told and as it is read; `id` as clients find it again."""

    id: str
    telling: Telling
    read: Read


class Ledger:
    """The tool calls of one stream, by their places."""

    def __init__(self) -> None:
        self._begun: dict[Place, ToldCall] = {}
        self._complete: dict[Place, list[Finished]] = {}
        self._calls: dict[Place, list[ToolCall]] = {}
        self._waiting: list[ToolCall] = []
        self._places: dict[str, set[Place]] = {}

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        return bool(self._begun or self._waiting)

    @property
    def ready(self) -> bool:
        """Whether all begun are complete, and at least one waits."""
        return bool(self._waiting) and not self._begun

    @property
    def has_open(self) -> bool:
        """Whether a tool call has begun that isn't complete."""
        return bool(self._begun)

    def begin(self, place: Place, item_id: str, start: Telling) -> None:
        """A tool call's first byte.

        Raises:
            Refusal: another has begun there.
        """
        if place in self._begun or place in self._complete:
            raise schema_violation("the stream begins a tool call twice")
        self._begun[place] = ToldCall(start)
        self._note(item_id, place)

    def begin_anew(self, place: Place, item_id: str, start: Telling) -> None:
        """A tool call's first byte where one of before may have the same place, or been shown."""
        if place in self._begun:
            self._begun[place].tell_start(start)
            return
        self._complete.pop(place, None)
        self.begin(place, item_id, start)

    def show(self, place: Place, item_id: str, start: Telling) -> None:
        """A call that has begun, shown once more or for the first time.

        Raises:
            Refusal: it was begun as something else.
        """
        if place in self._begun:
            self._begun[place].tell_start(start)
        elif place not in self._complete:
            self.begin(place, item_id, start)
        elif not any(_may_become(start, known.telling) for known in self._complete[place]):
            raise told_in_two_ways()

    def open_part(self, place: Place, item_id: str, words: str) -> None:
        """What a part of a call begins with; its deltas follow."""
        self._open_at(place, item_id).open_part(words)

    def grow(self, place: Place, item_id: str, part: str, words: str) -> None:
        """A delta of a call that has begun, which the event names by its place and its id."""
        self._open_at(place, item_id).grow(part, words)

    def finish_part(
        self, place: Place, item_id: str, part: str, words: str, names: Mapping[str, str]
    ) -> None:
        """An event that says what a part has become, and perhaps whose it is.

        Raises:
            Refusal: something else was told, or judged.
        """
        if place in self._complete and place not in self._begun:
            self._check_owner(place, item_id)
            if not any(_says(known, part, words, names) for known in self._complete[place]):
                raise told_in_two_ways()
            return
        told = self._open_at(place, item_id)
        told.tell_names(names)
        told.finish_part(part, words)

    def complete(self, place: Place, finished: Finished) -> None:
        """A finished item, told for the first time or again, as in a final response.

        What is told again isn't judged again; what says more, or is a call of its own, is.

        Raises:
            Refusal: it isn't what was told before, or what was judged.
        """
        if place not in self._begun:
            self._repeat(place, finished)
            return
        self._check_owner(place, finished.id)
        unsaid = self._begun.pop(place).finish(finished.telling)
        self._wait(place, finished, finished.read(None))
        if unsaid is not None:
            self._wait(place, finished, finished.read(unsaid))

    def is_open(self, place: Place) -> bool:
        """Whether a tool call has begun there and isn't complete."""
        return place in self._begun

    def mark_judged(self) -> None:
        """What was waiting has been judged."""
        self._waiting = []

    def calls(self, *, waiting_only: bool) -> tuple[ToolCall, ...]:
        """The complete calls."""
        if waiting_only:
            return tuple(self._waiting)
        return tuple(call for calls in self._calls.values() for call in calls)

    def _repeat(self, place: Place, finished: Finished) -> None:
        known = list(self._known(place, finished.id))
        if any(each.telling.is_same(finished.telling) for each in known):
            return
        if not all(_may_become(each.telling, finished.telling) for each in known):
            raise told_in_two_ways()
        self._wait(place, finished, finished.read(None))
        self._note(finished.id, place)

    def _wait(self, place: Place, finished: Finished, call: ToolCall) -> None:
        self._complete.setdefault(place, []).append(finished)
        self._calls.setdefault(place, []).append(call)
        self._waiting.append(call)

    def _note(self, item_id: str, place: Place) -> None:
        if item_id:
            self._places.setdefault(item_id, set()).add(place)

    def _known(self, place: Place, item_id: str) -> Iterator[Finished]:
        for where in {place} | self._places.get(item_id, set()):
            yield from self._complete.get(where, ())

    def _open_at(self, place: Place, item_id: str) -> ToldCall:
        self._check_owner(place, item_id)
        if place not in self._begun:
            raise schema_violation("the stream carries part of a tool call that never began")
        return self._begun[place]

    def _check_owner(self, place: Place, item_id: str) -> None:
        # One client finds a call by its place and another by its id: both must find the same.
        if item_id in self._places and place not in self._places[item_id]:
            raise told_in_two_ways()


def _says(known: Finished, part: str, words: str, names: Mapping[str, str]) -> bool:
    telling = known.telling
    return agree_in_names(telling.names, names) and tells(part, words, telling.said)


def _may_become(judged: Telling, later: Telling) -> bool:
    """Whether a later telling says less than what was judged, or more beside it."""
    if not agree_in_names(judged.names, later.names):
        return False
    says_less = all(map(is_empty, later.said.values())) or extends(judged.said, later.said)
    return says_less or extends(later.said, judged.said)
