"""The members of a request that say who may act for it, wherever they stand.

Providers put models, tools and servers in members that no dialect of ours lists. So a request is
walked whole, but for the places in which a client, a person or a model says what it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from helm_boundary.calls.call import Json
from helm_boundary.calls.texts import pointer_token

FREE = frozenset(
    {
        "$defs", "additional_properties", "annotations", "arguments", "attributes",
        "chat_template_kwargs", "client_metadata", "content", "definitions", "documents",
        "examples", "extra_headers", "function_call", "headers", "http_headers",
        "input_examples", "labels", "logit_bias",
        "metadata", "output", "parameters", "properties", "results", "tags", "tool_calls",
        "user_data", "variables",
    }
)  # fmt: skip
"""Members in which a client, a person or a model says what it likes."""

_CONVERSATIONS = frozenset({"history", "input", "inputs", "item", "items", "messages"})
_FREE_IN_CONVERSATIONS = frozenset({"action", "input", "queries", "summary"})
_TOOLS = frozenset({"tool", "tools"})
_NESTED = (dict, list)
_BLOCKS = frozenset({"content", "tool_changes"})
"""Where a message's block has blocks of its own."""


class Member(NamedTuple):
    """A member of an object, with a pointer to it."""

    key: str
    value: Json
    pointer: str
    holder: dict[str, Json]


type Claims = Callable[[str, Json], bool]
"""Tells by a member's name and value whether it is one of those that are looked for."""


@lru_cache(maxsize=4096)
def plain(key: str) -> str:
    """Write a member's name in the one spelling that it is compared in."""
    return key.casefold().replace("-", "_")


def is_free(name: str) -> bool:
    """Tell whether anybody may say anything in a member; `name` is its plain name."""
    return name in FREE or name.endswith("schema")


def claimed(value: Json, claims: Claims, pointer: str = "") -> list[Member]:
    """List the members at or below a value that are looked for, and don't look into those."""
    found: list[Member] = []
    _gather(found, value, claims, pointer, in_conversation=False)
    return found


def _gather(
    found: list[Member], value: Json, claims: Claims, pointer: str, *, in_conversation: bool
) -> None:
    if isinstance(value, list):
        for at, item in enumerate(value):
            if isinstance(item, _NESTED):
                _gather(found, item, claims, f"{pointer}/{at}", in_conversation=in_conversation)
    elif isinstance(value, dict):
        for key, member in value.items():
            if claims(key, member):
                found.append(Member(key, member, pointer + pointer_token(key), value))
            elif isinstance(member, _NESTED):
                below = Member(key, member, pointer + pointer_token(key), value)
                _gather_below(found, below, claims, in_conversation=in_conversation)


def _gather_below(
    found: list[Member], member: Member, claims: Claims, *, in_conversation: bool
) -> None:
    name = plain(member.key)
    if name.endswith("schema"):
        return
    if name == "parameters" and not isinstance(member.holder.get("name"), str):
        # A cloud's own (DashScope's has tools in it), and no function's schema.
        _gather(found, member.value, claims, member.pointer, in_conversation=False)
    elif name in FREE or (in_conversation and name in _FREE_IN_CONVERSATIONS):
        found += _of_blocks(member.value, claims, member.pointer)
    else:
        inside = in_conversation or name in _CONVERSATIONS
        _gather(found, member.value, claims, member.pointer, in_conversation=inside)


def _of_blocks(content: Json, claims: Claims, pointer: str) -> Iterator[Member]:
    """Yield those of tools that a message's blocks bring along (Anthropic's `tool_addition`)."""
    for at, block in enumerate(content if isinstance(content, list) else ()):
        for key, member in block.items() if isinstance(block, dict) else ():
            if not isinstance(member, _NESTED):
                continue
            name, where = plain(key), f"{pointer}/{at}{pointer_token(key)}"
            if name in _BLOCKS:
                yield from _of_blocks(member, claims, where)
            elif name in _TOOLS and claims(key, member):
                yield Member(key, member, where, block)
            elif name in _TOOLS:
                yield from claimed(member, claims, where)
