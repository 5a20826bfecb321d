"""The setting that makes a person's yes a rule: what to add to a policy's data.yaml.

It allows what was asked about to who asked, and no more, as far as the default policy has such a
setting; a rule that has none is only observed for that caller from then on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from .entry import Request

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def setting_for(request: Request) -> list[str]:
    """Return lines of YAML for what a request was asked about, each a setting of its own."""
    rules = dict.fromkeys(reason.rule for reason in request.reasons)
    return [line for rule in rules for line in _lines(request, rule)]


def _lines(request: Request, rule: str) -> Iterable[str]:
    calls = (request.summary.get("answer") or {}).get("tool_calls") or ()
    tools = list(dict.fromkeys(str(call["name"]) for call in calls))
    model = request.flow.model
    if rule == "tools.unlisted" and tools:
        yield _for_caller(request, "tools", tools) or _for_all("tools", "allow", tools)
    elif rule == "tools.person" and tools:
        yield _for_all("tools", "allow", tools) + "  # and take it out of tools.person"
    elif rule == "models.unlisted" and model:
        yield _for_caller(request, "models", [model]) or _for_all("models", "allow", [model])
    else:
        setting = f"{{{_word(rule)}: observe}}"
        yield _for_caller(request, "rules", setting) or f"rules: {setting}"


def _for_caller(request: Request, setting: str, value: str | list[str]) -> str:
    """Return the setting for whoever asked: the user, else the key; empty where nobody is known."""
    caller = request.client.principal or request.client.key_id
    if not caller:
        return ""
    return f"principals: {{{_word(caller)}: {{{setting}: {_listed(value)}}}}}"


def _for_all(topic: str, setting: str, names: list[str]) -> str:
    return f"{topic}: {{{setting}: {_listed(names)}}}  # beside what your list has"


def _listed(value: str | list[str]) -> str:
    return value if isinstance(value, str) else f"[{', '.join(map(_word, value))}]"


def _word(text: Any) -> str:
    """Write a text as YAML, which has JSON's strings."""
    is_plain = _PLAIN.fullmatch(text) is not None and text.casefold() not in _WORDS
    return text if is_plain else json.dumps(text)
