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

if TYPE_CHECKING:
    from .call import ToolCall

_USES, _RECIPIENT = "tool_uses", "recipient_name"
_PREFIX = "functions."


def with_wrapped(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Return the calls, and behind them those that they wrap; both are there once."""
    if not any(_USES in call.arguments_text or "\\u" in call.arguments_text for call in calls):
        return calls
    known = {call.pointer for call in calls}
    wrapped = (each for call in calls for each in _wrapped(call))
    return (*calls, *(each for each in wrapped if each.pointer not in known))


def _wrapped(call: ToolCall) -> Iterator[ToolCall]:
    for at, use in enumerate(_uses(call)):
        name = use.get(_RECIPIENT) if isinstance(use, dict) else None
        if isinstance(name, str) and name.removeprefix(_PREFIX):
            said = use.get("parameters")
            each = replace(
                call,
                name=name.removeprefix(_PREFIX),
                arguments=said,
                arguments_text=json.dumps(said, ensure_ascii=False),
                pointer=f"{call.pointer}/{_USES}/{at}",
            )
            yield each
            yield from _wrapped(each)


def _uses(call: ToolCall) -> Iterable[Any]:
    try:
        said = call.arguments if call.valid_json else json.loads(call.arguments_text)
    except (ValueError, RecursionError):
        return ()
    uses = said.get(_USES) if isinstance(said, dict) else None
    return uses if isinstance(uses, list) else ()
