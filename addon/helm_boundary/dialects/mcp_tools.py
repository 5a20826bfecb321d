"""The tools that an MCP server lists, each with a digest by which a change of it is found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import rfc8785

from helm_boundary.calls.call import Json, Tool
from helm_boundary.calls.refusal import schema_violation

from .json_shape import text_of

DIGESTED: Final = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
"""What a model and a client go by."""


def read_tools(result: dict[str, Json], pointer: str) -> Iterator[Tool]:
    """Read the tools in a result, wherever it comes from.

    Raises:
        Refusal: a tool that has no name, or numbers that JSON readers read differently.
    """
    listed = result.get("tools")
    for at, tool in enumerate(listed if isinstance(listed, list) else ()):
        name = tool.get("name") if isinstance(tool, dict) else None
        if not isinstance(name, str) or not name:
            raise schema_violation("the server lists a tool that has no name")
        yield Tool(
            "mcp",
            name,
            text_of(tool.get("description")),
            tool.get("inputSchema"),
            f"{pointer}/tools/{at}",
            digest=digest(tool),
        )


def digest(tool: dict[str, Json]) -> str:
    """Hash what a tool says of itself (SHA-256, hex, over canonical JSON of RFC 8785)."""
    said = {key: tool[key] for key in DIGESTED if tool.get(key) is not None}
    try:
        return hashlib.sha256(rfc8785.dumps(said)).hexdigest()
    except rfc8785.CanonicalizationError:
        raise schema_violation("a tool's schema has a number that I-JSON doesn't have") from None
