"""Scopes: what a definition counts by itself, such as one user's calls to one model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any
from urllib.parse import quote

from .definitions import Definition, Dimension

NOBODY = "-"
"""The value where a call has none: those who didn't sign in share what is per principal."""

MAX_VALUE = 100
_PLAIN = ":@/+"


@dataclass(frozen=True, slots=True)
class Caller:
    """What scopes tell calls apart by. `groups` are those that the caller is in.

    `key` is all credentials together and `keys` each by itself, where there are several: one more
    that nobody reads must not make another caller.
    """

    principal: str | None
    key: str | None
    address: str
    models: tuple[str, ...]
    host: str
    operation: str
    session: str | None = None
    server: str | None = None
    """The MCP server whose tool is called, where it is no model's call."""
    groups: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def groups_of(
    groups: Mapping[str, Any] | None, principal: str | None, *keys: str | None
) -> tuple[str, ...]:
    """Return the groups in a policy's data that a caller is in, by name."""
    found = []
    for name, group in (groups or {}).items():
        named = principal is not None and principal in group.get("principals", ())
        if named or any(key is not None and key in group.get("keys", ()) for key in keys):
            found.append(name)
    return tuple(sorted(found))


def scopes_of(definition: Definition, caller: Caller) -> tuple[str, ...]:
    """Return the scopes of a call under a definition; none where it isn't about the call.

    A caller in two groups has a scope for each, and a call that may run two models one for each.
    What counts calls of MCP servers' tools counts no model's, and the other way round.
    A call without a session has none where sessions are told apart, nor one of no group by group.
    """
    if definition.is_about_servers != (caller.server is not None):
        return ()
    if not _matches(definition, caller):
        return ()
    values = [_values(dimension, caller) for dimension in definition.per]
    return tuple(
        _scope(definition.name, zip(definition.per, chosen, strict=True))
        for chosen in product(*values)
    )


def name_of(scope: str) -> str:
    """Return the name of the definition that a scope is of."""
    return scope.partition(":")[0]


def _matches(definition: Definition, caller: Caller) -> bool:
    return all(
        any(_is_like(value, pattern) for value in _matched(name, caller) for pattern in patterns)
        for name, patterns in definition.match
    )


def _matched(name: str, caller: Caller) -> tuple[str, ...]:
    found: Mapping[str, tuple[str | None, ...]] = {
        "principals": (caller.principal,),
        "keys": (caller.key, *caller.keys),
        "groups": caller.groups,
        "models": caller.models,
        "hosts": (caller.host,),
        "servers": (caller.server,),
        "operations": (caller.operation,),
    }
    return tuple(value for value in found[name] if value is not None)


def _is_like(value: str, pattern: str) -> bool:
    """Compare a name with a pattern: the name itself, or its beginning and a star.

    In whatever letters: some providers serve `GPT-5` as well.
    """
    value, pattern = value.lower(), pattern.lower()
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def _values(dimension: Dimension, caller: Caller) -> tuple[str, ...]:
    match dimension:
        case "group":
            return caller.groups
        case "session":
            return () if caller.session is None else (caller.session,)
        case "model":
            return tuple(dict.fromkeys(map(str.lower, caller.models))) or (NOBODY,)
        case "principal":
            return (caller.principal or NOBODY,)
        case "key":
            return caller.keys or (caller.key or NOBODY,)
        case "address":
            return (caller.address or NOBODY,)
        case "host":
            return (caller.host,)
        case "server":
            return () if caller.server is None else (caller.server,)
        case "operation":
            return (caller.operation,)


def _scope(name: str, chosen: Iterable[tuple[Dimension, str]]) -> str:
    said = ",".join(f"{dimension}={_plain(value)}" for dimension, value in chosen)
    return f"{name}:{said}" if said else name


@lru_cache(4096)
def _plain(value: str) -> str:
    """Write a value so that scopes can be read and none can be made up; a long one is its hash."""
    if len(value) > MAX_VALUE:
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"sha256-{digest}"
    return quote(value, safe=_PLAIN, errors="replace")
