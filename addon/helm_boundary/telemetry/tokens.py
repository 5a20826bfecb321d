"""Tokens as the conventions count them: what came from the cache, or went there, is input too.

OpenAI counts so; Anthropic and Bedrock count it beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helm_boundary.budgets.usage import used_of
from helm_boundary.calls.call import Usage


def counted(call: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the tokens of a call by kind, None for what nobody says."""
    told = dict(call["usage"])
    used = used_of(Usage(**told), call["dialect"])
    if used is not None and told.get("input_tokens") is not None:
        told["input_tokens"] = used.input
    return {"input_tokens": None, "output_tokens": None, **told}
