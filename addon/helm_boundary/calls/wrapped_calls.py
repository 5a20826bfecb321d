"""Tool calls within the arguments of another: OpenAI's models at times wrap several in one.

The wrapper is named `parallel` or `multi_tool_use.parallel`, and its arguments are
`{"tool_uses": [{"recipient_name": "functions.NAME", "parameters": {...}}]}`. The AI SDK runs the
calls within, so they are judged whatever the wrapper's name is.
Source: `expand-parallel-tool-call.ts` in the AI SDK's OpenAI provider.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .refusal import schema_violation

if TYPE_CHECKING:
    from .call import ToolCall

_USES, _RECIPIENT = "tool_uses", "recipient_name"
_PREFIX = "functions."
_DEEPEST = 4
"""Wrappers within each other; each of them has all that is within it, so a few are much."""


def with_wrapped(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Return the calls, and behind them those that they wrap; both are there once.

    Raises:
        Refusal: wrappers within wrappers, deeper than anybody's.
    """
    if not any(_USES in call.arguments_text or "\\u" in call.arguments_text for call in calls):
        return calls
    # A pointer alone tells no call from another: an item's id may look like one.
    known = set(map(_key, calls))
    wrapped = (each for call in calls for each in _wrapped(call, 1))
    return (*calls, *(each for each in wrapped if _key(each) not in known))


def _key(call: ToolCall) -> tuple[str, str, str]:
    return call.pointer, call.name, call.arguments_text


def _wrapped(call: ToolCall, depth: int) -> Iterator[ToolCall]:
    for at, use in enumerate(_uses(call)):
        name = use.get(_RECIPIENT) if isinstance(use, dict) else None
        if isinstance(name, str) and name.removeprefix(_PREFIX):
            if depth > _DEEPEST:
                raise schema_violation(f"tool calls wrap others more than {_DEEPEST} deep")
            said = use.get("parameters")
            each = replace(
                call,
                name=name.removeprefix(_PREFIX),
                arguments=said,
                arguments_text=json.dumps(said, ensure_ascii=False),
                pointer=f"{call.pointer}/{_USES}/{at}",
            )
            yield each
            yield from _wrapped(each, depth + 1)


def _uses(call: ToolCall) -> Iterable[Any]:
    try:
        said = call.arguments if call.valid_json else json.loads(call.arguments_text)
    except (ValueError, RecursionError):
        return ()
    uses = said.get(_USES) if isinstance(said, dict) else None
    return uses if isinstance(uses, list) else ()
