"""What a tool gave back, told by its shape, in calls of APIs that have no dialect of their own.

A result is a result in whatever API it is passed on: Bedrock's `toolResult`, an assistant's
`tool_outputs`, a session's `user.custom_tool_result`, an agent's `function.result`.
"""

from __future__ import annotations

from collections.abc import Collection

from helm_boundary.calls.call import Json

from . import gemini_parts, messages_blocks, responses_items
from .json_shape import text_of

_HOLDERS = frozenset(
    {
        "functionResult", "returnControlInvocationResults", "toolOutputs", "toolResult",
        "toolResults", "tool_outputs", "tool_result", "tool_results",
    }
)  # fmt: skip
_RESULTS = (".result", "function_result")


def tool_members(value: dict[str, Json]) -> Collection[str]:
    """Name the members of an object that a tool gave back: all of a result, a call's output."""
    if messages_blocks.tool_members(value) or text_of(value.get("type")).endswith(_RESULTS):
        return value.keys()
    given = {*responses_items.tool_members(value), *gemini_parts.tool_members(value)}
    return given | (_HOLDERS & value.keys())
