"""Fragments sorted into tool calls, in every way that clients do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from .chat_fragments import Fragment
from .partial_json import is_json


@dataclass(slots=True)
class Group:
    """The fragments that one kind of client takes for one call."""

    place: int = 0
    ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    takes: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    """The words that came as text."""
    others: list[str] = field(default_factory=list)
    """Those that came as anything else."""
    is_new: bool = True

    def add(self, fragment: Fragment) -> None:
        """Take in a fragment."""
        self.place = fragment.place if self.is_new else self.place
        self.is_new = False
        self.words.append(fragment.words)
        (self.texts if fragment.is_text else self.others).append(fragment.words)
        self.ids += filter(None, [fragment.id])
        self.names += filter(None, [fragment.name])
        self.takes |= {fragment.takes} if fragment.takes else set()

    @property
    def text(self) -> str:
        """What the fragments add up to."""
        return "".join(self.words)

    @property
    def readings(self) -> list[str]:
        """What clients add up: everything, or what came as text; or take: an object as it is."""
        if not self.others:
            return [self.text]
        objects = [words for words in self.others if words.startswith("{")]
        return list(dict.fromkeys((self.text, *filter(None, ["".join(self.texts)]), *objects)))

    @property
    def is_whole(self) -> bool:
        """Whether the text is all that a call needs, and no other call's."""
        if len(self.takes) > 1:
            return False
        return not self.text.strip() or "input" in self.takes or is_json(self.text)

    @property
    def calls(self) -> list[str]:
        """The names that clients would give the call: the first, the last, all of them joined."""
        if len(set(self.names)) < 2:
            return self.names[:1]
        return list(dict.fromkeys((self.names[0], "".join(self.names), self.names[-1])))


def alone(fragment: Fragment) -> Group:
    """Return the group of one fragment."""
    group = Group()
    group.add(fragment)
    return group


def by_index(fragments: list[Fragment]) -> list[Group]:
    """Sort as clients do that go by indexes alone."""
    groups: dict[int, Group] = {}
    for each in fragments:
        groups.setdefault(each.place, Group()).add(each)
    return list(groups.values())


def otherwise(fragments: list[Fragment]) -> Iterator[list[Group]]:
    """Yield what clients make of fragments that don't go by indexes, or not by these alone."""
    yield _by_id(fragments, goes_by_index=True)
    yield _by_id(fragments, goes_by_index=True, takes_late=False)
    yield _by_name(fragments)
    by_last = _by_id(fragments, goes_by_index=False)
    if all(group.is_whole for group in by_last):  # else calls are interleaved; such a client fails
        yield by_last


def _by_id(
    fragments: list[Fragment], *, goes_by_index: bool, takes_late: bool = True
) -> list[Group]:
    """Sort as clients do that begin another call with each id.

    An id that comes after words belongs to these where the client `takes_late`, else it begins a
    call without them.
    """
    known: dict[tuple[int | None, str], Group] = {}

    def choose(each: Fragment, group: Group) -> Group:
        if not each.id:
            return group
        place = each.place if goes_by_index and each.has_index else None
        begins = group.ids or (group.text and not takes_late)
        return known.setdefault((place, each.id), Group() if begins else group)

    return _sorted(fragments, choose, goes_by_index=goes_by_index)


def _by_name(fragments: list[Fragment]) -> list[Group]:
    """Sort as clients do that begin another call with each name.

    A name that is only repeated with every piece begins none, unless each piece is a whole call.
    """
    groups = _sorted(fragments, partial(_of_name, repeats=True))
    if all(group.is_whole for group in groups):
        return groups
    return _sorted(fragments, partial(_of_name, repeats=False))


def _of_name(each: Fragment, group: Group, *, repeats: bool) -> Group:
    if not each.name or not group.names:
        return group
    if each.name == group.names[-1]:
        if each.id and group.ids and each.id == group.ids[-1]:
            return group
        if not each.id and not repeats:
            return group
    return Group()


def _sorted(
    fragments: list[Fragment],
    choose: Callable[[Fragment, Group], Group],
    *,
    goes_by_index: bool = True,
) -> list[Group]:
    """Sort fragments into groups: `choose` has the one that a client goes on with, or a new one.

    It is asked with the group at the fragment's index; where it has none, with the last.
    """
    groups: list[Group] = []
    at_place: dict[int, Group] = {}
    last = Group()
    for each in fragments:
        is_placed = goes_by_index and each.has_index
        chosen = choose(each, at_place.get(each.place, Group()) if is_placed else last)
        if chosen.is_new:
            groups.append(chosen)
        chosen.add(each)
        at_place[each.place] = last = chosen
    return groups
