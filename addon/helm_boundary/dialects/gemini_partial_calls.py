"""Calls of Gemini's whose arguments come value by value, for clients that asked for that.

Source: the reference of Vertex AI, `FunctionCall.partialArgs`, `PartialArg` and
`streamFunctionCallArguments`. A call begins with its name and `willContinue`; each later part has
some of the arguments, at paths; the first one without `willContinue` ends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import cast

from helm_boundary.calls.call import Call, Json, ToolCall
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.streaming.tellings import told_in_two_ways

from .gemini_parts import PARTIAL, calls_of_part, member, snake
from .json_shape import as_object, as_objects, tool_call

# Names that need no quotes; how a quoted one is read differs from client to client.
_PATH = re.compile(r"\$\.[^\s.\[\]'\"$*@?]+(?:\.[^\s.\[\]'\"$*@?]+|\[(?:0|[1-9]\d{0,4})\]){0,63}")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "stringValue": str,
    "numberValue": (int, float),
    "boolValue": bool,
    "nullValue": (str, type(None)),
}
_VALUES = tuple(_TYPES)

type _Path = tuple[str | int, ...]


def asks_for_partial_calls(asked: Call) -> bool:
    """Tell whether a request asks for arguments in pieces; other clients wouldn't join them."""
    choice = asked.tool_choice
    config = member(choice, "functionCallingConfig") if isinstance(choice, dict) else None
    return isinstance(config, dict) and member(config, "streamFunctionCallArguments") is True


class PartialCalls:
    """The calls of an answer, of which each candidate may have one that isn't complete.

    `are_asked_for` tells that the client joins pieces; else a call in pieces is refused.
    """

    def __init__(self, *, are_asked_for: bool) -> None:
        self._are_asked_for = are_asked_for
        self._open: dict[int, PartialCall] = {}

    @property
    def are_open(self) -> bool:
        """Whether a call has begun that isn't complete."""
        return bool(self._open)

    def read(self, part: dict[str, Json], choice: int, pointer: str) -> list[ToolCall]:
        """Take a part of a candidate's content in; returns the calls that are complete with it.

        Raises:
            Refusal: a call without a name, one within another, or told in two ways.
        """
        made = member(part, "functionCall")
        begun = self._open.get(choice)
        if begun is not None and isinstance(made, dict) and made.get("name") is not None:
            raise schema_violation("the stream begins a tool call within another")
        is_piece = isinstance(made, dict) and (begun is not None or _is_in_pieces(made))
        if not (self._are_asked_for and is_piece):
            return list(calls_of_part(part, choice, pointer))
        made = as_object(made, "a function's call")
        self._open[choice] = call = begun or PartialCall(made, choice, pointer)
        return [self._open.pop(choice).call()] if call.take(made) else []


def _is_in_pieces(made: dict[str, Json]) -> bool:
    return any(member(made, name) is not None for name in PARTIAL)


class PartialCall:
    """One call that has begun; its arguments are what its parts have set at their paths."""

    def __init__(self, made: dict[str, Json], choice: int, pointer: str) -> None:
        self._name, self._id = made.get("name"), made.get("id")
        self._choice, self._pointer = choice, pointer
        self._values: dict[_Path, Json | _Words] = {}
        self._growing: _Path | None = None

    def take(self, made: dict[str, Json]) -> bool:
        """Take one part in; returns whether it is the last.

        Raises:
            Refusal: whole arguments beside those at paths, or what readers may put together
                otherwise.
        """
        if made.get("args"):
            raise told_in_two_ways()
        for each in as_objects(member(made, "partialArgs") or [], "partialArgs"):
            self._set(_path_of(each), _value_of(each), member(each, "willContinue") is True)
        return member(made, "willContinue") is not True

    def call(self) -> ToolCall:
        """Return the call, complete."""
        return tool_call(
            self._name,
            _nested(self._values),
            call_id=self._id,
            choice=self._choice,
            pointer=f"{self._pointer}/functionCall",
        )

    def _set(self, path: _Path, value: Json, goes_on: bool) -> None:
        if path not in self._values:
            self._values[path] = _Words([value]) if isinstance(value, str) else value
        elif path == self._growing and isinstance(value, str):
            cast(_Words, self._values[path]).append(value)
        else:  # some add to what is there, others replace it
            raise told_in_two_ways()
        self._growing = path if goes_on and isinstance(value, str) else None


class _Words(list[str]):
    """The pieces of a string so far."""


def _path_of(part: dict[str, Json]) -> _Path:
    path = member(part, "jsonPath")
    if not isinstance(path, str) or _PATH.fullmatch(path) is None:
        raise schema_violation("a tool call has arguments at a path that clients read differently")
    return tuple(name or int(index) for name, index in _STEP.findall(path))


def _value_of(part: dict[str, Json]) -> Json:
    """Return the one value that a part sets; Refusal where it has another number of them."""
    told = [name for name in _VALUES if name in part or snake(name) in part]
    values = {name: value for name in told if (value := member(part, name)) is not None}
    if len(values) > 1 or not told:
        raise told_in_two_ways()
    name, value = next(iter(values.items()), ("nullValue", None))
    if not isinstance(value, _TYPES[name]) or (name == "numberValue" and isinstance(value, bool)):
        raise schema_violation(f"a tool call's `{name}` is none")
    return None if name == "nullValue" else value


def _nested(values: Mapping[_Path, Json | _Words]) -> dict[str, Json]:
    """Put values at their paths.

    Raises:
        Refusal: a list with gaps, or a path through what is no list or object.
    """
    root: dict[str, Json] = {}
    for path, value in values.items():
        place: Json = root
        for step, following in pairwise(path):
            place = _inner(place, step, [] if isinstance(following, int) else {})
        _put(place, path[-1], "".join(value) if isinstance(value, _Words) else value)
    return root


def _inner(place: Json, step: str | int, empty: Json) -> Json:
    if isinstance(place, dict) and isinstance(step, str):
        found = place.setdefault(step, empty)
    elif isinstance(place, list) and isinstance(step, int) and step <= len(place):
        place += [empty] if step == len(place) else []
        found = place[step]
    else:
        raise told_in_two_ways()
    if type(found) is not type(empty):
        raise told_in_two_ways()
    return found


def _put(place: Json, step: str | int, value: Json) -> None:
    if isinstance(place, dict) and isinstance(step, str) and step not in place:
        place[step] = value
    elif isinstance(place, list) and step == len(place):
        place.append(value)
    else:
        raise told_in_two_ways()
