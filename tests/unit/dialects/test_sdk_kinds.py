"""Every kind that the installed SDKs know is one of ours: a call, a result, or known as neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from anthropic.types.beta import BetaContentBlock
from openai.types.beta import BetaResponseOutputItem
from openai.types.responses import ResponseOutputItem

from helm_boundary.calls.call import Json
from helm_boundary.dialects import messages_blocks, responses_items

type Tells = Callable[[dict[str, Json]], bool]

NEITHER = {
    "additional_tools", "agent_message", "compaction", "mcp_list_tools", "message", "reasoning",
    "container_upload", "fallback", "mcp_tool_listing", "redacted_thinking", "text", "thinking",
}  # fmt: skip
"""What says something, or lists tools, and has nothing done."""


def kinds_of(union: Any) -> Iterator[str]:
    """Yield the `type` of each model in a union, however it is annotated."""
    if hasattr(union, "model_fields"):
        yield from get_args(union.model_fields["type"].annotation)
    elif get_origin(union) is not Literal:
        for each in get_args(union):
            yield from kinds_of(each)


@pytest.mark.parametrize(
    ("union", "is_call", "is_result"),
    [
        (ResponseOutputItem, responses_items.is_tool_call, responses_items.is_tool_result),
        (BetaResponseOutputItem, responses_items.is_tool_call, responses_items.is_tool_result),
        (BetaContentBlock, messages_blocks.is_tool_call, messages_blocks.is_tool_result),
    ],
    ids=["responses", "responses, beta", "messages"],
)
def test_a_kind_of_an_sdk_is_known(union: Any, is_call: Tells, is_result: Tells) -> None:
    """Where this fails, say in the dialect's table what the new kind is, or add it to NEITHER."""
    kinds = set(kinds_of(union))
    assert len(kinds) > 10
    told = {kind: {"type": kind} for kind in kinds}
    assert not [kind for kind in kinds if is_call(told[kind]) and is_result(told[kind])]
    unknown = {kind for kind in kinds if not (is_call(told[kind]) or is_result(told[kind]))}
    assert unknown <= NEITHER
