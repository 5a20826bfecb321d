"""What is noted of definitions beside the balances, so that people see limits with what is used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .amounts import KINDS
from .definitions import Definition

FACT: Final = "definitions"


def write_summary(definitions: Iterable[Definition]) -> str:
    """Write what the definitions in force are, as JSON."""
    return json.dumps({each.name: _summary(each) for each in definitions}, sort_keys=True)


def read_summary(text: str | None) -> Mapping[str, Any]:
    """Read what `write_summary` wrote; nothing where nobody has."""
    return json.loads(text) if text else {}


def _summary(definition: Definition) -> dict[str, Any]:
    limits = zip(KINDS, definition.limits, strict=True)
    return {
        "kind": definition.kind,
        "per": list(definition.per),
        "match": {name: list(values) for name, values in definition.match},
        "limits": {kind: limit for kind, limit in limits if limit is not None},
        "window": str(definition.window.seconds or definition.window.unit),
        "shadow": definition.shadow,
    }
