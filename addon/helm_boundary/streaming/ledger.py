"""The ledger of a stream's tool calls: begun, complete, judged, and told once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from helm_boundary.calls.call import ToolCall
from helm_boundary.calls.refusal import schema_violation

from .tellings import (
    Telling,
    ToldCall,
    agree_in_names,
    extends,
    is_empty,
    names_cover,
    tells,
    told_in_two_ways,
)

type Place = int | str
"""Where a tool call stands in its stream: an index, or its item's id."""

type Names = Mapping[str, str]

type Read = Callable[[Names, str | None], Sequence[ToolCall]]
"""Reads a finished item as a tool call, under all names that were told; with a text, with that in
place of its arguments. Several where clients make different calls of it."""

type Ids = tuple[str, ...]
"""What clients find a call again by, beside its place: its item's id, its call's id, ..."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished item, as it was told and as it is read."""

    ids: Ids
    telling: Telling
    read: Read


class Ledger:
    """The tool calls of one stream, by their places."""

    def __init__(self) -> None:
        self._begun: dict[Place, ToldCall] = {}
        self._complete: dict[Place, list[Telling]] = {}
        self._calls: dict[Place, list[ToolCall]] = {}
        self._waiting: list[ToolCall] = []
        self._places: dict[str, set[Place]] = {}
        self._named: dict[str, str] = {}
        """The name with which a call of each id has begun."""

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

    def restart(self) -> None:
        """Begin the next response of a session, in which servers use ids again."""
        self._named = {}

    def begin(self, place: Place, ids: Ids, start: Telling) -> None:
        """Begin a tool call; an earlier one that is complete may have had the same place.

        Raises:
            Refusal: another has begun there, or one with another name has had one of its ids:
                LangChain adds up the names of an id.
        """
        if place in self._begun:
            raise schema_violation("the stream begins a tool call twice")
        self._name(ids, start.names)
        self._begun[place] = ToldCall(start, ids)
        self._note(ids, place)

    def begin_anew(self, place: Place, ids: Ids, start: Telling) -> None:
        """Begin a tool call, which may have been shown before.

        Raises:
            Refusal: it was shown as another one, or deltas came: clients would begin without these.
        """
        if place in self._begun and self._begun[place].has_grown:
            raise schema_violation("the stream begins a tool call twice")
        self._show(place, ids, start)

    def show(self, place: Place, ids: Ids, start: Telling) -> None:
        """Take in a call that has begun, shown once more or for the first time.

        Raises:
            Refusal: it was begun, or judged, as something else.
        """
        if place not in self._complete or place in self._begun:
            self._show(place, ids, start)
        elif not any(_says_less(start, judged) for judged in self._complete[place]):
            raise told_in_two_ways()

    def open_part(self, place: Place, ids: Ids, words: str) -> None:
        """Take in what a part of a call begins with; its deltas follow."""
        self._open_at(place, ids).open_part(words)

    def grow(self, place: Place, ids: Ids, part: str, words: str) -> None:
        """Take in a delta of a call that has begun, named by its place and by ids."""
        told = self._open_at(place, ids)
        told.grow(part, words, tuple(self._known_as(each, told) for each in ids))

    def finish_part(self, place: Place, ids: Ids, part: str, words: str, names: Names) -> None:
        """Take in an event that says what a part has become, and perhaps whose it is.

        Raises:
            Refusal: something else was told, or judged.
        """
        if place in self._complete and place not in self._begun:
            self._check_owner(place, ids)
            if not any(_says(judged, part, words, names) for judged in self._complete[place]):
                raise told_in_two_ways()
            return
        told = self._open_at(place, ids)
        told.tell_names(names)
        told.finish_part(part, words)

    def complete(self, place: Place, finished: Finished) -> None:
        """Take in a finished item, told for the first time or again, as in a final response.

        What is told again isn't judged again; what says more, or is a call of its own, is.

        Raises:
            Refusal: it isn't what was told before, or what was judged.
        """
        if place not in self._begun:
            if self._finds_open(finished.ids):
                raise told_in_two_ways()
            self._repeat(place, finished)
            return
        self._check_owner(place, finished.ids)
        told = self._begun.pop(place)
        beside = told.finish(finished.telling)
        self._name(finished.ids, told.names)
        self._wait(place, finished, told.names, [None, *beside])

    def is_open(self, place: Place) -> bool:
        """Tell whether a tool call has begun there and isn't complete."""
        return place in self._begun

    def mark_judged(self) -> None:
        """Note that what was waiting has been judged."""
        self._waiting = []

    def calls(self, *, waiting_only: bool) -> tuple[ToolCall, ...]:
        """Return the complete calls."""
        if waiting_only:
            return tuple(self._waiting)
        return tuple(call for calls in self._calls.values() for call in calls)

    def _repeat(self, place: Place, finished: Finished) -> None:
        known, later = self._known(place, finished.ids), finished.telling
        if any(judged.covers(later) for judged in known):
            return
        if later.binds and not all(_may_become(judged, later) for judged in known):
            raise told_in_two_ways()
        self._wait(place, finished, later.names, [None])
        self._note(finished.ids, place)

    def _wait(
        self, place: Place, finished: Finished, names: Names, readings: list[str | None]
    ) -> None:
        telling = replace(finished.telling, names=names)
        self._complete.setdefault(place, []).append(telling)
        calls = [call for reading in readings for call in finished.read(names, reading)]
        self._calls.setdefault(place, []).extend(calls)
        self._waiting += calls

    def _show(self, place: Place, ids: Ids, start: Telling) -> None:
        if place in self._begun:
            told = self._begun[place]
            told.tell_start(start)
            self._name(ids, told.names)
            self._note(ids, place)
        else:
            self.begin(place, ids, start)

    def _known_as(self, each: str, told: ToldCall) -> str | None:
        """Say as what clients know an event's id: None if never told, as some servers invent."""
        if not each or each in told.ids:
            return each
        if each in self._places:  # it finds an earlier call, which had the same place
            raise told_in_two_ways()
        return None

    def _name(self, ids: Ids, names: Names) -> None:
        """Note which tool the call of an id runs, as far as told; Refusal where it's another."""
        name = names.get("name") or ""
        for each in filter(None, ids):
            known = self._named.get(each)
            if known and known != name:
                raise schema_violation("the stream has two tool calls with one id")
            self._named[each] = name

    def _note(self, ids: Ids, place: Place) -> None:
        for each in ids:
            if each:
                self._places.setdefault(each, set()).add(place)

    def _known(self, place: Place, ids: Ids) -> list[Telling]:
        """Find what was judged under those ids, else at that place: final responses omit items."""
        places = self._places_of(ids)
        judged = [telling for where in places for telling in self._complete.get(where, ())]
        return judged or self._complete.get(place, [])

    def _finds_open(self, ids: Ids) -> bool:
        """Tell whether an id belongs to a call that has begun and isn't complete."""
        return not self._places_of(ids).isdisjoint(self._begun)

    def _places_of(self, ids: Ids) -> set[Place]:
        return set().union(*(self._places.get(each, ()) for each in ids))

    def _open_at(self, place: Place, ids: Ids) -> ToldCall:
        self._check_owner(place, ids)
        if place not in self._begun:
            raise schema_violation("the stream carries part of a tool call that never began")
        return self._begun[place]

    def _check_owner(self, place: Place, ids: Ids) -> None:
        # One client finds a call by its place and another by its id: both must find the same.
        for places in (self._places[each] for each in ids if each in self._places):
            if place not in places or sum(where in self._begun for where in places) > 1:
                raise told_in_two_ways()


def _says(judged: Telling, part: str, words: str, names: Names) -> bool:
    return names_cover(judged.names, names) and tells(part, words, judged.said)


def _says_less(later: Telling, judged: Telling) -> bool:
    """Tell whether a later telling names and says nothing that wasn't judged."""
    return names_cover(judged.names, later.names) and _says_no_more(later, judged)


def _may_become(judged: Telling, later: Telling) -> bool:
    """Tell whether a later telling says less than what was judged, or more beside it."""
    agrees = agree_in_names(judged.names, later.names)
    return agrees and (_says_no_more(later, judged) or extends(later.said, judged.said))


def _says_no_more(later: Telling, judged: Telling) -> bool:
    return all(map(is_empty, later.said.values())) or extends(judged.said, later.said)
