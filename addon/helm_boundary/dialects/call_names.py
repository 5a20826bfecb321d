"""How members and types are named that hold tool calls, in whatever spelling."""

from __future__ import annotations

import re
from functools import lru_cache

from helm_boundary.calls.call import Json

_CALLS = ("toolcall", "tooluse", "functioncall")
_SEPARATORS = re.compile(r"[._-]")
_SERVERS = ("server_label", "mcp_server_name", "server_name")
_RESULTS = ("output", "result", "success", "failure", "error")


@lru_cache(maxsize=4096)
def is_call(name: str) -> bool:
    """Tell whether a member or a type is named as one of tool calls."""
    return name.casefold().replace("_", "").rstrip("s").endswith(_CALLS)


def is_call_type(kind: str) -> bool:
    """Tell whether an event's type is of a tool call, or of a part of one, and of no result."""
    plain = _SEPARATORS.sub("", kind.casefold())
    return any(call in plain for call in _CALLS) and not is_result_type(kind)


def with_server(name: str, value: dict[str, Json]) -> str:
    """Return a tool's name, after its MCP server's where its object says that it is one's."""
    kind = value.get("type")
    if not name or not isinstance(kind, str) or "mcp" not in kind.casefold():
        return name
    named = (server for key in _SERVERS if isinstance(server := value.get(key), str) and server)
    server = next(named, "")
    return f"mcp.{server}.{name}" if server else name


def is_result_type(kind: str) -> bool:
    """Tell whether a type is of what a tool gave back."""
    return kind.casefold().endswith(_RESULTS)
