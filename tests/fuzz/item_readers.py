"""Readers of streams of items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from helm_boundary.calls.call import Json

from .readers import EMPTY, Held, Kind, key, members, objects, text
from .spellings import View
from .tellings import Event

type Owner = Callable[[Event, Event], Json]
"""Finds what a client keeps a call by, in an event and its item."""

_OWNERS: dict[str, Owner] = {
    "index": lambda event, item: event.get("output_index"),
    "item": lambda event, item: item.get("id") if item else event.get("item_id"),
    "call": lambda event, item: item.get("call_id") if item else event.get("call_id"),
}
_BEGINNINGS = ("output_item.added", "conversation.item.added", "conversation.item.created")
_ENDS = ("output_item.done", "conversation.item.done", "conversation.item.retrieved")


@dataclass(slots=True)
class _Growing:
    """A call of which a client has seen the start."""

    name: str
    words: str
    kind: Kind

    def held(self, reader: str, at: int, arguments: Json) -> Held:
        """Say what a client holds of it."""
        return Held(reader, at, self.name, arguments, self.kind)


def read_items(view: View) -> Iterator[Held]:
    """All calls that the readers of items hold."""
    events = [(at, event) for at, event in enumerate(view) if isinstance(event, dict)]
    yield from _whole_items(events)
    for name, owner in _OWNERS.items():
        yield from _followed(events, name, owner)
        yield from _added_up(events, name, owner)


def _whole_items(events: list[tuple[int, Event]]) -> Iterator[Held]:
    for at, event in events:
        kind, item = text(event.get("type")), members(event.get("item"))
        if name := name_of(item):
            reader = "start" if kind.endswith(_BEGINNINGS) else "done"
            if kind.endswith(_BEGINNINGS + _ENDS):
                yield Held(f"{reader} item", at, name, arguments_of(item), _kind(item))
        if kind.startswith("response."):
            for item in objects(members(event.get("response")).get("output")):
                if name := name_of(item):
                    yield Held("final", at, name, arguments_of(item), _kind(item))
        if kind.endswith("function_call_arguments.done") and text(event.get("name")):
            yield Held("done by its own name", at, event["name"], event.get("arguments"))


def _followed(events: list[tuple[int, Event]], by: str, owner: Owner) -> Iterator[Held]:
    """Read as clients do that find a call's item again by one kind of id."""
    calls: dict[str, _Growing] = {}
    at = 0
    for at, event in events:
        kind = text(event.get("type"))
        item = members(event.get("item")) if kind.endswith(_BEGINNINGS + _ENDS) else {}
        own = owner(event, item)
        if own is None:
            continue
        if kind.endswith(_BEGINNINGS) and name_of(item):
            if kind.startswith("response.") or key(own) not in calls:
                calls[key(own)] = _begun(item)
            continue
        call = calls.get(key(own))
        if call is None:
            continue
        if kind.endswith(("_arguments.delta", "_input.delta")):
            call.words += text(event.get("delta"))
        elif kind.endswith(("_arguments.done", "_input.done")):
            part = "input" if kind.endswith("_input.done") else "arguments"
            yield call.held(f"done by {by}", at, event.get(part))
        elif kind.endswith(_ENDS) and call.kind != "members":
            yield call.held(f"deltas by {by}", at, call.words)
    for call in calls.values():
        if call.kind != "members":  # a shell's commands are told apart
            yield call.held(f"deltas by {by}", at, call.words)


def _added_up(events: list[tuple[int, Event]], by: str, owner: Owner) -> Iterator[Held]:
    """Read as LangChain does, which adds up the names of a call that begins more than once."""
    names: dict[str, list[str]] = {}
    words: dict[str, str] = {}
    for at, event in events:
        kind, item = text(event.get("type")), members(event.get("item"))
        own = key(owner(event, item))
        if kind == "response.output_item.added" and item.get("type") == "function_call":
            names.setdefault(own, []).append(text(item.get("name")))
            words[own] = words.get(own, "") + text(item.get("arguments"))
        elif kind == "response.function_call_arguments.delta" and own in names:
            words[own] += text(event.get("delta"))
            if len(set(filter(None, names[own]))) > 1:  # no name at all changes none
                yield Held(f"added up by {by}", at, "".join(names[own]), words[own])


def _begun(item: Event) -> _Growing:
    return _Growing(name_of(item), text(arguments_of(item)), _kind(item))


def name_of(item: Event) -> str:
    """Return the name of the tool that an item calls; empty where a client sees no call."""
    kind, name = text(item.get("type")), text(item.get("name"))
    match kind:
        case "function_call" | "custom_tool_call":
            return name
        case "":
            return name if "arguments" in item else ""
        case "tool_call":
            return text(item.get("tool")) or name
        case "mcp_call" | "mcp_approval_request":
            label = text(item.get("server_label"))
            return f"mcp.{label}.{name}" if label and name else ""
        case "shell_call" | "local_shell_call":
            commands = members(item.get("action")).get("commands")
            says_something = isinstance(commands, list) and not EMPTY.issuperset(
                map(text, commands)
            )
            return kind.removesuffix("_call") if says_something else ""
    return ""


def arguments_of(item: Event) -> Json:
    """Return the arguments from where a client looks for them."""
    kind = text(item.get("type"))
    if kind.endswith("shell_call"):
        return {"action": item.get("action")}
    return item.get("input" if kind == "custom_tool_call" else "arguments")


def _kind(item: Event) -> Kind:
    kind = text(item.get("type"))
    if kind.endswith("shell_call"):
        return "members"
    return "text" if kind == "custom_tool_call" else "JSON"
