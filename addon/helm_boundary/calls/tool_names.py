"""Names of MCP servers' tools, as they are written on each of their ways.

A provider that calls the tool itself names server and tool apart, which is `mcp.SERVER.TOOL` here.
Agents put both into one name for their model, `mcp__SERVER__TOOL`, and Codex as a namespace and a
name, `mcp__SERVER.TOOL`. On the wire there is the tool's own name, and the server's address.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .call import ToolCall

_NAMED = re.compile(r"mcp\.(?P<told>[^.]+)\..+|mcp__(?P<agents>.+?)(?:__\.?|\.).+", re.DOTALL)


def server_of(name: str) -> str | None:
    """Return the server in a tool's name, None where there is none.

    Where a name of either has `__` in it, an agent's name can be read in several ways; this is the
    first of them, and policy judges them all.
    """
    found = _NAMED.fullmatch(name)
    return None if found is None else found["told"] or found["agents"]


def with_servers(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Return the calls with the servers that their names tell."""
    if not any(call.name.startswith("mcp") for call in calls):
        return calls
    return tuple(
        call if call.server else replace(call, server=server_of(call.name)) for call in calls
    )
