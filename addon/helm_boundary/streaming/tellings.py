"""Tellings: what each event of a stream says of one tool call, and whether they agree.

A stream tells a tool call when it starts, in deltas, in an event that it is done, in the finished
item and once more at the end. Clients differ in which of these they believe, so that two which
differ are two tool calls of which policy hears one. An empty telling at the start agrees with
whatever follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.wire import strict_json

MAX_OPENINGS = 256
"""How many parts a call may have, as a shell's has commands."""

ARGUMENTS = "arguments"
"""The member whose text is JSON, and compared as the value that it spells."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What one item says: who is called (`names`: type, name, server, ...), and with what."""

    names: Mapping[str, str]
    said: Mapping[str, Json]
    binds: bool = True
    """Whether clients act on it, so that its tellings must agree; the provider runs the others."""

    def covers(self, other: Telling) -> bool:
        """Tell whether another telling says the same, and names nothing that this one doesn't."""
        return names_cover(self.names, other.names) and spelling(self.said) == spelling(other.said)


class ToldCall:
    """The tellings of one tool call that hasn't been finished."""

    def __init__(self, start: Telling, ids: Collection[str] = ()) -> None:
        self.ids = frozenset(ids)
        """By what clients find it again, as its start told."""
        self._start = start
        self._names = dict(start.names)
        self._deltas: dict[str, list[str]] = {}
        self._done: dict[str, str] = {}
        self._openings: set[str] = set()
        self._named_by: Collection[str | None] | None = None

    @property
    def has_grown(self) -> bool:
        """Whether deltas have said anything."""
        return self._named_by is not None

    @property
    def names(self) -> Mapping[str, str]:
        """Every name that was told, of which a client may hold any."""
        return self._names

    def tell_names(self, names: Mapping[str, str]) -> None:
        """Take in a name that an event repeats; Refusal where it is another one."""
        if not agree_in_names(self._names, names):
            raise told_in_two_ways()
        self._names.update({key: name for key, name in names.items() if name})

    def tell_start(self, again: Telling) -> None:
        """Take in another event's telling of how it starts.

        Raises:
            Refusal: it is another start, or a client begins with it, and so without earlier deltas.
        """
        if self.has_grown and not names_cover(self._names, again.names):
            raise told_in_two_ways()
        self.tell_names(again.names)
        if extends(again.said, self._start.said):
            self._start = again
        elif not extends(self._start.said, again.said):
            raise told_in_two_ways()

    def open_part(self, words: str) -> None:
        """Take in what a part begins with, before its deltas."""
        self._openings.add(words)
        if len(self._openings) > MAX_OPENINGS:
            raise schema_violation(f"a tool call has more than {MAX_OPENINGS} parts")

    def grow(self, part: str, words: str, named_by: Collection[str | None] = ()) -> None:
        """Take a delta of a part in, such as `arguments`.

        `named_by` are the ids by which the event names the call, None for each that no client
        knows. One client adds up the deltas of
        an id, another those of a place: all deltas are named alike, or these hold other words.

        Raises:
            Refusal: clients would add up something else.
        """
        if words:
            named_before = named_by if self._named_by is None else self._named_by
            if named_by != named_before or not is_empty(self._done.get(part)):
                raise told_in_two_ways()
            self._named_by = named_by
        self._deltas.setdefault(part, []).append(words)

    def finish_part(self, part: str, words: str) -> None:
        """Take in what a part is said to have become; Refusal where its deltas say otherwise."""
        before = self._told(part)
        if not is_empty(before) and not is_empty(words) and not _same_words(part, before, words):
            raise told_in_two_ways()
        if not is_empty(words):
            self._done[part] = words

    def finish(self, end: Telling) -> list[str]:
        """Compare everything told with the finished item.

        Returns what a client may read beside it, so that it wants a verdict too: the arguments that
        were told before where the item has none, and an input that was told whole at the start
        with its deltas behind it.

        Raises:
            Refusal: the tellings differ.
        """
        self.tell_names(end.names)
        if not end.binds:
            return []
        leaves = list(_leaves(end.said)) if self._openings else []
        begun = all(any(map(_starts(words), leaves)) for words in self._openings if words)
        if not begun or not extends(end.said, self._start.said):
            raise told_in_two_ways()
        beside = [start + self._grown("input")] if (start := self._start_input()) else []
        for part, words in self._parts():
            if _is_told(part, words, end.said):
                continue
            if part not in end.said or not is_empty(end.said[part]):
                raise told_in_two_ways()
            beside.append(words)
        return beside

    def _start_input(self) -> str:
        start = self._start.said.get("input")
        return start if isinstance(start, str) and self._grown("input") else ""

    def _grown(self, part: str) -> str:
        return "".join(self._deltas.get(part, ()))

    def _told(self, part: str) -> str:
        return self._done.get(part) or self._grown(part)

    def _parts(self) -> Iterator[tuple[str, str]]:
        for part in self._deltas.keys() | self._done.keys():
            words = self._told(part)
            if not is_empty(words):
                yield part, words


def told_in_two_ways() -> Refusal:
    """Make the refusal of tellings that differ."""
    return schema_violation("the stream tells a tool call in two ways")


def agree_in_names(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Tell whether no name has two values; a name that one side leaves out agrees."""
    return all(not other.get(key) or not name or other[key] == name for key, name in one.items())


def names_cover(judged: Mapping[str, str], later: Mapping[str, str]) -> bool:
    """Tell whether every name that a later telling gives has been judged."""
    return all(not name or judged.get(key) == name for key, name in later.items())


def is_empty(value: Json) -> bool:
    """Tell whether a telling says nothing (yet): null, no text, no members, or JSON of those."""
    if isinstance(value, str):
        return value.strip() in ("", "{}", "[]", "null")
    return value is None or value == {} or value == []


def extends(later: Json, earlier: Json) -> bool:
    """Tell whether a later telling says what an earlier one said, and perhaps more."""
    if is_empty(earlier):
        return True
    if isinstance(earlier, Mapping) and isinstance(later, Mapping):
        if any(isinstance(value, list) and value for value in earlier.values()):
            return _fuller(later) == _fuller(earlier)  # commands: a client may run them already
        return all(
            is_empty(value) or (key in later and _member_extends(key, later[key], value))
            for key, value in earlier.items()
        )
    return spelling(later) == spelling(earlier)


def tells(part: str, words: str, said: Mapping[str, Json]) -> bool:
    """Tell whether what was judged says those words of a part, or the part says nothing."""
    return is_empty(words) or _is_told(part, words, said)


def spelling(value: Json) -> str:
    """Spell a value as text that is the same for the same value only (`True` isn't 1, nor 1.0)."""
    if isinstance(value, Mapping):
        value = {
            key: _spelt_arguments(item) if key == ARGUMENTS else item for key, item in value.items()
        }
    return json.dumps(value, sort_keys=True)


def _fuller(said: Mapping[str, Json]) -> str:
    """Spell the members that say something."""
    return spelling({key: value for key, value in said.items() if not is_empty(value)})


def _member_extends(key: str, later: Json, earlier: Json) -> bool:
    if key == ARGUMENTS:
        return _spelt_arguments(later) == _spelt_arguments(earlier)
    return extends(later, earlier)


def _spelt_arguments(value: Json) -> str:
    """Arguments as the value that they spell, in one spelling; text that is no JSON as it is."""
    if not isinstance(value, str):
        return _canonical(value)
    try:
        return _canonical(strict_json.parse(value.encode("utf-8")))
    except (Refusal, UnicodeEncodeError):
        return value


def _canonical(value: Json) -> str:
    """One spelling of a value; 1.0 is 1, as JavaScript and Go write it, and True is neither."""
    return json.dumps(_whole_numbers(value), sort_keys=True)


def _whole_numbers(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _same_words(part: str, one: str, other: str) -> bool:
    if part == ARGUMENTS:
        return _spelt_arguments(one) == _spelt_arguments(other)
    return one == other


def _is_told(part: str, words: str, said: Mapping[str, Json]) -> bool:
    if part in said:
        value = said[part]
        if part == ARGUMENTS:
            return _spelt_arguments(words) == _spelt_arguments(value)
        if isinstance(value, str):
            return words == value
    return any(words == leaf for leaf in _leaves(said))


def _starts(words: str) -> Callable[[str], bool]:
    return lambda leaf: leaf.startswith(words)


def _leaves(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(item)
