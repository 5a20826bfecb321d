"""The tool calls of one choice, put together from their fragments, in every way that clients do.

A fragment has an index, an id and a name, or not: some providers leave the index out, give every
call the same, or change the id. Clients go by one of the three. Where these lead to different
calls, each is one that some client may make, so all of them are judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.calls.refusal import schema_violation

from .chat_fragments import Fragment, Placed, Tell, read_fragment
from .chat_groups import Group, alone, by_index, otherwise
from .json_shape import CUT_OFF, as_cut_off, as_object, tool_call
from .partial_json import documents, is_json

type CallKey = tuple[str, str, str]
"""What tells a call from others."""


@dataclass(slots=True)
class ChatCalls:
    """What has come of the tool calls of one choice; `where` is below its message."""

    where: str
    fragments: list[Fragment] = field(default_factory=list)
    placed: Placed | None = None
    """How the first fragment says where it belongs."""
    is_only_call: bool = True
    """Whether all fragments are of the first one's call, at 0."""

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
            fragment = read_fragment(
                as_object(delta, "a tool call of the stream"), at, self.where, tell
            )
            if not fragment.says_nothing:
                self.fragments.append(fragment)
                self._check_placed(fragment)
        return len(self.fragments) > before

    def _check_placed(self, fragment: Fragment) -> None:
        """Refuse parts that have an index, null or neither at times.

        To clients, null is a place of its own, none, or the last; and none is the last, or the
        first. All mean the same where only the start of the only call has an index, of 0.
        """
        is_start = self.placed is None
        self.placed = self.placed or fragment.placed
        self.is_only_call &= fragment.place == 0 and (
            is_start or not (fragment.id or fragment.name)
        )
        goes_on = self.is_only_call and (self.placed, fragment.placed) == ("index", "nothing")
        if fragment.placed != self.placed and not goes_on:
            raise schema_violation("a tool call of the stream has its index only at times")

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
        merged = by_index(self.fragments)
        others = [each for each in otherwise(self.fragments) if each != merged]
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
            for call in read(alone(each))
        ]
        for groups in others:
            # A group without a name would be nobody's call.
            yield [call for group in groups if group.names for call in read(group)]


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
