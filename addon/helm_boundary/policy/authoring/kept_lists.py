"""Lists of the default policy that stay in force beside one of a folder's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from helm_boundary.policy.sources.data_place import named
from helm_boundary.policy.sources.folder import Part
from helm_boundary.policy.sources.policy import Policy

TOPIC, NAMES, PREFIXES = "models", "allow", "allow_prefixes"


def kept_lists(policy: Policy, folders: Sequence[Path], parts: Sequence[Part]) -> Iterator[str]:
    """Yield a line where folders list models by name, and the default beginnings still hold."""
    said = [part.data.get(TOPIC) for part in parts]
    listed = {name for topic in said if isinstance(topic, dict) for name in topic}
    kept = _list(policy.data.get(TOPIC))
    if NAMES in listed and PREFIXES not in listed and kept:
        yield (
            f"{named([TOPIC, NAMES], folders)} is beside the default policy's {PREFIXES}, by which "
            f"{len(kept)} beginnings of names stay allowed ({', '.join(kept[:3])}, …): write "
            f"{PREFIXES}: [] as well to allow these names alone"
        )


def _list(topic: Any) -> list[str]:
    return list(topic.get(PREFIXES, ())) if isinstance(topic, dict) else []
