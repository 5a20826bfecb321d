"""The tool calls of one choice, put together from their fragments, in every way that clients do.

A fragment has an index, an id and a name, or not: some providers leave the index out, give every
call the same, or change the id. Clients go by one of the three. Where these lead to different
calls, each is one that some client may make, so all of them are judged.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.calls.refusal import schema_violation

from .chat_whole_calls import told_kind
from .json_shape import CUT_OFF, as_cut_off, as_object, index_of, tool_call
from .partial_json import documents, is_json

type CallKey = tuple[str, str, str]
"""What tells a call from others."""

type Tell = Callable[[dict[str, Json], str], None]
"""Takes the members of a fragment that are none of a call's, and their pointer."""

_OF_CALL = frozenset({"id", "index", "type", "function", "custom"})
_OF_FUNCTION = frozenset({"name", "arguments", "input"})


@dataclass(frozen=True, slots=True)
class Fragment:
    """One delta of a call: at an index or, where it has none, at its position in the list."""

    place: int
    has_index: bool
    id: str
    name: str
    words: str
    takes: str
    is_text: bool = True
    """Whether the words came as text; some clients skip what is anything else."""

    @property
    def says_nothing(self) -> bool:
        """Whether no client could tell it from an empty entry."""
        return not (self.id or self.name or self.words)


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
    is_new: bool = True

    def add(self, fragment: Fragment) -> None:
        """Take in a fragment."""
        self.place = fragment.place if self.is_new else self.place
        self.is_new = False
        self.words.append(fragment.words)
        self.texts += [fragment.words] if fragment.is_text else []
        self.ids += filter(None, [fragment.id])
        self.names += filter(None, [fragment.name])
        self.takes |= {fragment.takes} if fragment.takes else set()

    @property
    def text(self) -> str:
        """What the fragments add up to."""
        return "".join(self.words)

    @property
    def readings(self) -> list[str]:
        """What clients add up: everything, or only what came as text where anything did."""
        texts = "".join(self.texts)
        return [self.text, texts] if texts and texts != self.text else [self.text]

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


@dataclass(slots=True)
class ChatCalls:
    """What has come of the tool calls of one choice; `where` is below its message."""

    where: str
    fragments: list[Fragment] = field(default_factory=list)

    def read(self, deltas: Json, tell: Tell) -> bool:
        """Take in a delta's `tool_calls`, or its `function_call`; whether it told part of a call.

        Raises:
            Refusal: it isn't what a call's fragments look like.
        """
        if self.where.endswith("function_call"):
            deltas = [{"index": 0, "function": deltas}]
        if not isinstance(deltas, list):
            raise schema_violation("`tool_calls` of the stream isn't a list")
        before = len(self.fragments)
        for at, delta in enumerate(deltas):
            fragment = _read(as_object(delta, "a tool call of the stream"), at, self.where, tell)
            if not fragment.says_nothing:
                self.fragments.append(fragment)
        return len(self.fragments) > before

    def calls(self, choice: int, pointer: str, finish: str) -> list[ToolCall]:
        """Put the calls together; `pointer` is the message's, `finish` why the model stopped.

        Raises:
            Refusal: a call without a name, or with arguments and input.
        """
        found: list[ToolCall] = []
        for calls in self._readings(choice, pointer):
            if finish in CUT_OFF:
                calls = [each for call in calls for each in as_cut_off(call)]
            found += beyond(map(_meaning, found), calls, _meaning)
        return found

    def _readings(self, choice: int, pointer: str) -> Iterator[list[ToolCall]]:
        """Yield the calls that each kind of client makes of the fragments."""
        read = partial(_calls, choice=choice, where=pointer + self.where)
        merged = _by_index(self.fragments)
        others = [each for each in _otherwise_sorted(self.fragments) if each != merged]
        was_joined = any(all(each.is_whole for each in groups) for groups in others)
        yield [
            call
            for group in merged
            if group.names or group.text
            for call in read(group, was_joined=was_joined)
        ]
        yield [  # custom tools' calls that one delta tells at once
            call
            for each in self.fragments
            if each.name and each.takes == "input" and is_json(each.words)
            for call in read(_alone(each))
        ]
        for groups in others:
            # A group without a name would be nobody's call.
            yield [call for group in groups if group.names for call in read(group)]


def _read(delta: dict[str, Json], at: int, where: str, tell: Tell) -> Fragment:
    index = delta.get("index")
    place = at if index is None else index_of(index, "a tool call of the stream", 1024)
    given = delta.get("id")
    if not (given is None or isinstance(given, str)):
        raise schema_violation("a tool call of the stream has an id that is no text")
    kind = told_kind(delta)
    said = {} if kind is None else as_object(delta[kind], "a tool call of the stream")
    name, words, takes, is_text = _said(said)
    if not delta.keys() <= _OF_CALL:
        tell({key: delta[key] for key in delta.keys() - _OF_CALL}, f"{where}/{place}")
    if not said.keys() <= _OF_FUNCTION:
        tell({key: said[key] for key in said.keys() - _OF_FUNCTION}, where)
    custom = kind == "custom" or takes == "input"
    takes = ("input" if custom else takes) if takes or custom else ""
    return Fragment(place, index is not None, given or "", name, words, takes, is_text)


def _said(inner: dict[str, Json]) -> tuple[str, str, str, bool]:
    """Read a fragment's name, its words, the member that has them, and whether they are text.

    Raises:
        Refusal: a name that is no text, or both arguments and input.
    """
    name = inner.get("name")
    if not (name is None or isinstance(name, str)):
        raise schema_violation("a tool call's name isn't a string")
    told = [key for key in ("arguments", "input") if inner.get(key) not in (None, "")]
    if len(told) > 1:
        raise schema_violation("a tool call of the stream has both arguments and input")
    if not told:
        return name or "", "", "", True
    said = inner[told[0]]
    is_text = isinstance(said, str)
    words = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return name or "", words, told[0], is_text


def _alone(fragment: Fragment) -> Group:
    group = Group()
    group.add(fragment)
    return group


def _by_index(fragments: list[Fragment]) -> list[Group]:
    groups: dict[int, Group] = {}
    for each in fragments:
        groups.setdefault(each.place, Group()).add(each)
    return list(groups.values())


def _otherwise_sorted(fragments: list[Fragment]) -> Iterator[list[Group]]:
    """Yield what clients make of fragments that don't go by indexes, or not by these alone."""
    yield _by_id(fragments, heeds_index=True)
    yield _by_id(fragments, heeds_index=True, takes_late=False)
    yield _by_name(fragments)
    by_last = _by_id(fragments, heeds_index=False)
    if all(group.is_whole for group in by_last):  # else calls are interleaved; such a client fails
        yield by_last


def _by_id(fragments: list[Fragment], *, heeds_index: bool, takes_late: bool = True) -> list[Group]:
    """Sort as clients do that begin another call with each id.

    An id that comes after words belongs to these where the client `takes_late`, else it begins a
    call without them.
    """
    known: dict[tuple[int | None, str], Group] = {}

    def choose(each: Fragment, group: Group) -> Group:
        if not each.id:
            return group
        place = each.place if heeds_index and each.has_index else None
        begins = group.ids or (group.text and not takes_late)
        return known.setdefault((place, each.id), Group() if begins else group)

    return _sorted(fragments, choose, heeds_index=heeds_index)


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
    heeds_index: bool = True,
) -> list[Group]:
    """Sort fragments into groups: `choose` has the one that a client goes on with, or a new one.

    It is asked with the group at the fragment's index; where it has none, with the last.
    """
    groups: list[Group] = []
    at_place: dict[int, Group] = {}
    last = Group()
    for each in fragments:
        goes_by_index = heeds_index and each.has_index
        chosen = choose(each, at_place.get(each.place, Group()) if goes_by_index else last)
        if chosen.is_new:
            groups.append(chosen)
        chosen.add(each)
        at_place[each.place] = last = chosen
    return groups


def _meaning(call: ToolCall) -> CallKey:
    """Return what the readings of one call have in common, wherever it is taken to stand."""
    return call.name, call.arguments_text, call.type


def beyond(
    known: Iterable[CallKey], calls: Iterable[ToolCall], key: Callable[[ToolCall], CallKey]
) -> list[ToolCall]:
    """Return the calls that aren't known: two alike are two, and a known one is known once."""
    left, found = Counter(known), []
    for call in calls:
        if left[key(call)]:
            left[key(call)] -= 1
        else:
            found.append(call)
    return found


def _calls(
    group: Group, *, choice: int, where: str, was_joined: bool = False
) -> Iterator[ToolCall]:
    """Yield the calls that a group may be; one that `was_joined` is several, each a document."""
    texts = [*dict.fromkeys(documents(group.text))] if was_joined else []
    texts = texts or group.readings
    if len(group.takes) > 1:
        raise schema_violation("a tool call of the stream has both arguments and input")
    kind = "custom" if "input" in group.takes else "function"
    pointer = where if where.endswith("function_call") else f"{where}/{group.place}"
    call_id = group.ids[0] if group.ids else None
    for name in group.calls or [""]:
        for text in texts:
            yield tool_call(name, text, call_id=call_id, choice=choice, pointer=pointer, kind=kind)
