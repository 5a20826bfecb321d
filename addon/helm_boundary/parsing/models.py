"""Every model that may run for a call: the one it names, fallbacks, routes, and those of its tools.

A server takes another model than the first from members that no dialect of ours lists: OpenRouter's
`models`, Anthropic's `fallbacks[].model`, a tool's own `model`. So each member that is named as one
counts, wherever it stands, but for places in which a client says what it likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from helm_boundary.calls.call import Call, Json
from helm_boundary.calls.refusal import Refusal

_NAMED = re.compile(
    r"(?:.*[_-])?models?(?:[_-]?(?:ids?|names?|list))?|fallbacks?", re.IGNORECASE | re.DOTALL
)
_NAMED_IN_CAMEL_CASE = re.compile(r".*[a-z]Models?(?:Ids?|Names?|List)?", re.DOTALL)
_ROUTES = frozenset({"route", "routes"})
"""Members that name models where they are lists; OpenRouter's own is one word, and says how."""

_FREE = frozenset(
    {
        "$defs", "additional_properties", "annotations", "arguments", "attributes",
        "chat_template_kwargs", "content", "definitions", "documents", "examples", "extra_headers",
        "function_call", "headers", "http_headers", "input_examples", "labels", "logit_bias",
        "metadata", "output", "parameters", "properties", "results", "tags", "tool_calls",
        "user_data", "variables",
    }
)  # fmt: skip
"""Members in which a client, a person or a model says what it likes."""

_CONVERSATIONS = frozenset({"input", "item", "items", "messages"})
_FREE_IN_CONVERSATIONS = frozenset({"action", "input", "queries", "summary"})
_REQUESTS = frozenset({"invokeModel"})
"""Members that hold a request and name no model: what Bedrock counts the tokens of."""
_OF_CONFIGURATIONS = frozenset({"effort", "speed", "type"})
_TOOLS = frozenset({"tool", "tools"})


def name_models(call: Call, body: Json) -> Call:
    """Add every model that its body names to a call, the first being `model`.

    Raises:
        Refusal: something names models in a way that isn't understood.
    """
    named = [call.model] if call.model is not None else []
    for found in _below(body, in_conversation=False):
        # LiteLLM asks each of several that are joined by commas.
        parts = [part.strip() for part in found.split(",")] if "," in found else []
        named += [found, *filter(None, parts)]
    models = tuple(dict.fromkeys(named))
    return replace(call, model=models[0] if len(models) == 1 else call.model, models=models)


def _below(value: Json, *, in_conversation: bool) -> Iterator[str]:
    """Yield the models that are named anywhere below a value."""
    if isinstance(value, list):
        for item in value:
            yield from _below(item, in_conversation=in_conversation)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _of_member(key, member, in_conversation)


def _of_member(key: str, member: Json, in_conversation: bool) -> Iterator[str]:
    name = key.casefold().replace("-", "_")
    if name == "model" and isinstance(member, dict) and isinstance(member.get("id"), str):
        yield from _configured(member)
    elif _names_models(key) or (name in _ROUTES and isinstance(member, list)):
        yield from _named_by(member)
    elif not isinstance(member, dict | list) or name.endswith("schema"):
        return
    elif name in _FREE or (in_conversation and name in _FREE_IN_CONVERSATIONS):
        yield from _of_tools_within(member)
    else:
        yield from _below(member, in_conversation=in_conversation or name in _CONVERSATIONS)


def _names_models(key: str) -> bool:
    if key in _REQUESTS:
        return False
    return bool(_NAMED.fullmatch(key) or _NAMED_IN_CAMEL_CASE.fullmatch(key))


def _named_by(member: Json) -> Iterator[str]:
    """Yield the models in a member whose name says that it names models."""
    if isinstance(member, str):
        if member:
            yield member
    elif isinstance(member, list):
        for item in member:
            yield from _named_by(item)
    elif isinstance(member, dict):
        found = [*_below(member, in_conversation=False)]
        if not found and _has_text(member):
            raise Refusal(
                "CAPABILITY_UNKNOWN",
                "the request names models in a form that can't be judged; expected a name, a list "
                "of names, or objects with a `model`",
                "instance_parameter",
            )
        yield from found


def _configured(model: dict[str, Json]) -> Iterator[str]:
    """Yield the model of a configuration that has it as its `id`, as Anthropic's agents do.

    Another server may read the name elsewhere in it, so every word counts but what says how to run.
    """
    for key, member in model.items():
        if key not in _OF_CONFIGURATIONS:
            yield from _named_by(member)


def _of_tools_within(content: Json) -> Iterator[str]:
    """Models of the tools that a message's blocks bring along, as Anthropic's `tool_addition`."""
    for block in content if isinstance(content, list) else ():
        for key, member in block.items() if isinstance(block, dict) else ():
            if key.casefold() in _TOOLS:
                yield from _below(member, in_conversation=False)


def _has_text(value: Json) -> bool:
    if isinstance(value, dict):
        return any(map(_has_text, value.values()))
    return any(map(_has_text, value)) if isinstance(value, list) else isinstance(value, str)
