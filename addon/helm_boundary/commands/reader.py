"""What a tool call would run or write, where the policy's data say that its tool does that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from helm_boundary.calls.call import Answer, Call, Json, ToolCall

from .apart import read
from .asked import SLOWER
from .command import FilesCall, Script, ShellCall
from .patches import files_of
from .writes import resolve

_TOOL_CALL = tuple(each.name for each in fields(ToolCall) if each.init)


class CommandReader:
    """Adds to tool calls what they would run, and which files they write."""

    def __init__(
        self, shells: Mapping[str, str], patches: Mapping[str, str], files: Mapping[str, str]
    ) -> None:
        self._shells = shells
        self._patches = patches
        self._files = files

    def read[T: (Answer, Call)](self, said: T) -> T:
        """Return an answer, or a request that calls tools, whose tool calls tell what they run."""
        if not any(self._reads(call) for call in said.tool_calls):
            return said
        calls = tuple(self._told(call) for call in said.tool_calls)
        return replace(said, tool_calls=calls)

    def weight(self, answer: Answer) -> int:
        """Return how much work reading is, in bytes of other work."""
        read = (call for call in answer.tool_calls if self._reads(call))
        return sum(len(call.arguments_text) for call in read) * SLOWER

    def _reads(self, call: ToolCall) -> bool:
        return any(_named(tools, call) for tools in (self._shells, self._patches, self._files))

    def _told(self, call: ToolCall) -> ToolCall:
        if place := _named(self._shells, call):
            return _as_shell(call, _script(_value(call, place), place))
        if place := _named(self._patches, call):
            text = _value(call, place)
            return _as_files(call, files_of(text) if isinstance(text, str) else None)
        if place := _named(self._files, call):
            return _as_files(call, _paths(_value(call, place)))
        return call


def _named(tools: Mapping[str, str], call: ToolCall) -> str | None:
    """Return where a tool's text stands, by its name with its namespace or without."""
    return tools.get(call.name) or tools.get(call.name.rpartition(".")[2])


def _value(call: ToolCall, place: str) -> Json:
    """Return the argument at a place, such as `action.command`; a custom tool's text."""
    if call.type == "custom":
        return call.arguments_text
    value: Json = call.arguments if call.valid_json else None
    for name in place.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _script(value: Json, place: str) -> Script | None:
    """Read a text, or a list: of a command's words, or (at a place named so) of commands."""
    if isinstance(value, str):
        return read(value)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return None
    texts = [str(each) for each in value]
    return read("\n".join(texts) if place.endswith("commands") else texts)


def _as_shell(call: ToolCall, script: Script | None) -> ShellCall:
    complete = call.complete
    if call.valid_json or call.type == "custom":  # else nobody knows what it says, which has a rule
        complete = complete and script is not None and script.complete
    return ShellCall(
        **_members(call) | {"complete": complete}, commands=script.commands if script else ()
    )


def _paths(value: Json) -> tuple[str, ...]:
    """Read a path or a list of them; a call without one writes what the tool chooses."""
    values = value if isinstance(value, list) else [value]
    return tuple(each for each in values if isinstance(each, str))


def _as_files(call: ToolCall, files: tuple[str, ...] | None) -> FilesCall:
    complete = call.complete
    if call.valid_json or call.type == "custom":
        complete = complete and files is not None
    paths = tuple(dict.fromkeys(resolve(file, ".") for file in files or ()))
    return FilesCall(**_members(call) | {"complete": complete}, files=paths)


def _members(call: ToolCall) -> dict[str, Any]:
    return {name: getattr(call, name) for name in _TOOL_CALL}
