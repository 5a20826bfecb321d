"""The members of a call that nobody knows and that carry a model, a tool or a server.

A model or a list of tools is judged wherever it stands. What a provider does with it where no
dialect of ours has it nobody can tell, so policy is told of it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from helm_boundary.calls.call import Call, Json
from helm_boundary.calls.texts import pointer_token

from .claimed_members import claimed, is_free, plain
from .models import names_models
from .offered_tools import offers_tools

_CARRIES = re.compile(
    r"(?:.*_)?tools?|functions|(?:.*_)?mcp(?:_.*|servers?)?|server_url|connector_id"
)
_SWITCHES = (bool, int, float)
_KNOWN = frozenset(
    {
        "additional_messages", "agent", "agent_config", "audio", "citation_options", "contents",
        "context", "context_management", "conversation", "format", "generation_config",
        "generationconfig", "grader", "guardrails", "history", "input", "inputs", "instructions",
        "item", "items", "messages", "moderation", "output_config", "output_format", "prediction",
        "prompt", "reasoning", "requests", "response", "response_format", "session", "system",
        "system_instruction", "systeminstruction", "text", "thinking", "thread", "tool_choice",
        "tool_config", "toolconfig",
    }
)  # fmt: skip
"""The members in which a dialect may have a model or a tool, each of which is read or judged."""


def name_unclaimed(call: Call, body: Json) -> Call:
    """Add to a call the pointers of its members that nobody knows, and that carry who may act."""
    members = body.items() if isinstance(body, dict) else ()
    found = tuple(pointer_token(key) for key, member in members if _is_unclaimed(key, member))
    return replace(call, unclaimed=(*dict.fromkeys((*call.unclaimed, *found)),)) if found else call


def _is_unclaimed(key: str, member: Json) -> bool:
    if not member or isinstance(member, _SWITCHES):  # nothing in it can act
        return False
    name = plain(key)
    if name in _KNOWN or is_free(name) or names_models(key, member) or offers_tools(key, member):
        return False
    return carries_who_acts({key: member})


def carries_who_acts(value: Json) -> bool:
    """Tell whether a model, a tool or a server is anywhere in a value but in free places."""
    return bool(claimed(value, _carries))


def _carries(key: str, member: Json) -> bool:
    """Tell whether a member may say who acts: it is named so, and isn't a switch or a number."""
    if not member or isinstance(member, _SWITCHES):
        return False
    return bool(_CARRIES.fullmatch(plain(key))) or names_models(key, member)
