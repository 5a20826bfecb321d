"""Every model that may run for a call: the one it names, fallbacks, routes, and those of its tools.

A server takes another model than the first from members that no dialect of ours lists: OpenRouter's
`models`, Anthropic's `fallbacks[].model`, a tool's own `model`. So each member that is named as one
counts, wherever it stands, but for places in which a client says what it likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from helm_boundary.calls.call import Call, Json
from helm_boundary.calls.refusal import Refusal

from .claimed_members import Member, claimed, plain

_NAMED = re.compile(
    r"(?:.*[_-])?models?(?:[_-]?(?:ids?|names?|list))?|fallbacks?", re.IGNORECASE | re.DOTALL
)
_NAMED_IN_CAMEL_CASE = re.compile(r".*[a-z]Models?(?:Ids?|Names?|List)?", re.DOTALL)
_ROUTES = frozenset({"route", "routes"})
"""Members that name models where they are lists; OpenRouter's own is one word, and says how."""
_REQUESTS = frozenset({"invokeModel"})
"""Members that hold a request and name no model: what Bedrock counts the tokens of."""
_OF_CONFIGURATIONS = frozenset({"effort", "speed", "type"})


def name_models(call: Call, body: Json) -> Call:
    """Add every model that its body names to a call, the first being `model`.

    Raises:
        Refusal: something names models in a way that isn't understood.
    """
    named = [call.model] if call.model is not None else []
    for found in _named_in(body):
        # LiteLLM asks each of several that are joined by commas.
        parts = [part.strip() for part in found.split(",")] if "," in found else []
        named += [found, *filter(None, parts)]
    models = tuple(dict.fromkeys(named))
    return replace(call, model=models[0] if len(models) == 1 else call.model, models=models)


def names_models(key: str, member: Json) -> bool:
    """Tell whether a member is named as one that names models."""
    return _is_named(key) or (isinstance(member, list) and plain(key) in _ROUTES)


@lru_cache(maxsize=4096)
def _is_named(key: str) -> bool:
    if key in _REQUESTS:
        return False
    return bool(_NAMED.fullmatch(key) or _NAMED_IN_CAMEL_CASE.fullmatch(key))


def _named_in(value: Json) -> Iterator[str]:
    """Yield the models that are named anywhere at or below a value."""
    for member in claimed(value, names_models):
        yield from _configured(member)


def _configured(member: Member) -> Iterator[str]:
    """Yield the models of a member, which may be a model with its `id`, as Anthropic's agents have.

    Another server may read the name elsewhere in it, so every word counts but what says how to run.
    """
    value = member.value
    if plain(member.key) == "model" and isinstance(value, dict) and _has_id(value):
        for key, said in value.items():
            if key not in _OF_CONFIGURATIONS:
                yield from _named_by(said)
    else:
        yield from _named_by(value)


def _named_by(member: Json) -> Iterator[str]:
    """Yield the models in a member whose name says that it names models."""
    if isinstance(member, str):
        if member:
            yield member
    elif isinstance(member, list):
        for item in member:
            yield from _named_by(item)
    elif isinstance(member, dict):
        found = [*_named_in(member)]
        if not found and _has_text(member):
            raise Refusal(
                "CAPABILITY_UNKNOWN",
                "the request names models in a form that can't be judged; expected a name, a list "
                "of names, or objects with a `model`",
                "instance_parameter",
            )
        yield from found


def _has_id(value: dict[str, Json]) -> bool:
    return isinstance(value.get("id"), str)


def _has_text(value: Json) -> bool:
    if isinstance(value, dict):
        return any(map(_has_text, value.values()))
    return any(map(_has_text, value)) if isinstance(value, list) else isinstance(value, str)
