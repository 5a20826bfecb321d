"""Readers of streams of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from helm_boundary.calls.call import Json

from .readers import Held, key, members, objects, text
from .spellings import View
from .tellings import Event


@dataclass(slots=True)
class _Growing:
    """A block that has started; what has been added by those who ask what a delta is, or don't."""

    block: Event
    words: str = ""
    all_words: str = ""


def read_blocks(view: View) -> Iterator[Held]:
    """All calls that the readers of blocks hold."""
    events = [(at, event) for at, event in enumerate(view) if isinstance(event, dict)]
    for at, event in events:
        kind = text(event.get("type"))
        if kind == "content_block_start":
            yield from _whole("start", at, members(event.get("content_block")))
        if kind == "message_start":
            for block in objects(members(event.get("message")).get("content")):
                yield from _whole("whole", at, block)
    yield from _by_index(events)
    yield from _by_order(events)


def _by_index(events: list[tuple[int, Event]]) -> Iterator[Held]:
    blocks: dict[str, _Growing] = {}
    at = 0
    for at, event in events:
        index = key(event.get("index"))
        match event.get("type"):
            case "content_block_start":
                blocks[index] = _Growing(members(event.get("content_block")))
            case "content_block_delta" if index in blocks:
                _grow(blocks[index], members(event.get("delta")))
            case "content_block_stop" if index in blocks:
                yield from _grown("deltas by index", at, blocks[index])
    for block in blocks.values():
        yield from _grown("deltas by index", at, block)


def _by_order(events: list[tuple[int, Event]]) -> Iterator[Held]:
    """Read as the SDK does, which appends each block that starts to the message's content."""
    blocks: list[_Growing] = []
    at = 0
    for at, event in events:  # noqa: B007 - the last one is where the reader is done
        index = event.get("index")
        match event.get("type"):
            case "message_start":
                content = objects(members(event.get("message")).get("content"))
                blocks = [_Growing(block) for block in content]
            case "content_block_start":
                blocks.append(_Growing(members(event.get("content_block"))))
            case "content_block_delta" if type(index) is int and -1 < index < len(blocks):
                _grow(blocks[index], members(event.get("delta")))
    for block in blocks:
        yield from _grown("deltas by order", at, block)


def _grow(block: _Growing, delta: Event) -> None:
    words = text(delta.get("partial_json"))
    block.all_words += words
    if delta.get("type") == "input_json_delta":
        block.words += words


def _grown(reader: str, at: int, growing: _Growing) -> Iterator[Held]:
    for name in _names(growing.block):
        told: Json = growing.block.get("input")
        yield Held(reader, at, name, growing.words or told)
        yield Held(f"{reader}, of any type", at, name, growing.all_words or told)


def _whole(reader: str, at: int, block: Event) -> Iterator[Held]:
    for name in _names(block):
        yield Held(reader, at, name, block.get("input"))


def _names(block: Event) -> Iterator[str]:
    kind, name = text(block.get("type")), text(block.get("name"))
    if kind in ("tool_use", "server_tool_use") and name:
        yield name
    server = text(block.get("server_name"))
    if kind == "mcp_tool_use" and name and server:
        yield f"mcp.{server}.{name}"
