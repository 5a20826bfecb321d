"""Readers of streams of chat completions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from helm_boundary.calls.call import Json

from .readers import Held, key, members, objects, text
from .spellings import View
from .tellings import Event


@dataclass(slots=True)
class _Growing:
    """A call's deltas so far."""

    names: list[str] = field(default_factory=list)
    words: str = ""
    objects: list[Json] = field(default_factory=list)
    """Arguments that came as objects, which some clients take as they are."""

    @property
    def tools(self) -> set[str]:
        """The names that clients give it: the first, the last, or all of them joined.

        Those that join make of a name that is only repeated one that no tool has.
        """
        joined = {"".join(self.names)} if len(set(self.names)) > 1 else set()
        return {*self.names[:1], *self.names[-1:], *joined}


@dataclass(slots=True)
class _Calls:
    """One client's calls by what it keeps them by."""

    by: str
    found: dict[str, _Growing] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def place(self, choice: str, at: int, call: Event) -> str:
        """Where a delta's call is kept."""
        index, own = call.get("index"), text(call.get("id"))
        if self.by == "number":  # Go's, which takes what isn't there for 0
            return f"{choice} {key(index or 0)}"
        if self.by == "position":
            return f"{choice} {key(call.get('index', at))}"
        if self.by == "the last":
            kept = f"{choice} {key(own if index is None else index)}"
            if index is not None or own:
                self.last[choice] = kept
            return self.last.get(choice, "")
        where = f"{choice} {key(call.get('index', at))}"  # by id: another one is another call
        self.ids[where] = own or self.ids.get(where, "")
        return f"{where} {self.ids[where]}"

    def grow(self, place: str, said: Event) -> None:
        """Add a delta to a call."""
        call = self.found.setdefault(place, _Growing())
        if text(said.get("name")):
            call.names.append(said["name"])
        call.words += text(said.get("arguments")) or text(said.get("input"))
        call.objects += [each for each in (_arguments(said),) if isinstance(each, dict)]


def read_chat(view: View) -> Iterator[Held]:
    """All calls that clients hold who asked for one choice: many take the first of each chunk."""
    yield from read_choices(view)
    for by in _WAYS:
        yield from _followed(view, _Calls(by), takes_first=True)


def read_choices(view: View) -> Iterator[Held]:
    """All calls that clients hold who asked for several choices."""
    for at, event in _events(view):
        for choice in objects(event.get("choices")):
            yield from _whole("whole", at, members(choice.get("message")))
            yield from _whole("start", at, members(choice.get("delta")))
    for by in _WAYS:
        yield from _followed(view, _Calls(by))


_WAYS = ("number", "position", "the last", "id")


def _events(view: View) -> list[tuple[int, Event]]:
    return [(at, event) for at, event in enumerate(view) if isinstance(event, dict)]


def _followed(view: View, calls: _Calls, *, takes_first: bool = False) -> Iterator[Held]:
    at = 0
    for at, event in _events(view):  # noqa: B007 - the last one is where the reader is done
        choices = [*objects(event.get("choices"))]
        for choice in choices[:1] if takes_first else choices:
            where = "the first" if takes_first else key(choice.get("index", 0))
            delta = members(choice.get("delta"))
            if isinstance(delta.get("function_call"), dict):
                calls.grow(f"{where} old", delta["function_call"])
            for position, call in enumerate(objects(delta.get("tool_calls"))):
                calls.grow(calls.place(where, position, call), _function(call))
    choice_of = "the first choice's " if takes_first else ""
    for grown in calls.found.values():
        for name in grown.tools:
            yield Held(f"{choice_of}deltas by {calls.by}", at, name, grown.words)
            for told in grown.objects:
                yield Held(f"{choice_of}an object by {calls.by}", at, name, told)


def _whole(reader: str, at: int, message: Event) -> Iterator[Held]:
    """Yield the calls of a message, or of a delta that tells name and arguments at once."""
    called = [_function(call) for call in objects(message.get("tool_calls"))]
    for said in (*called, members(message.get("function_call"))):
        name, arguments = text(said.get("name")), _arguments(said)
        if name and (reader == "whole" or _is_object(arguments)):
            yield Held(reader, at, name, arguments)


def _function(call: Event) -> Event:
    return members(call.get("function")) or members(call.get("custom"))


def _arguments(said: Event) -> Json:
    return said.get("arguments", said.get("input"))


def _is_object(arguments: Json) -> bool:
    words = text(arguments).strip()
    return words.startswith("{") and words.endswith("}") and words != "{}"
