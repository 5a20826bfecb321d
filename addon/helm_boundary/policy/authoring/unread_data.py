"""Data that no rule reads: most often a setting whose name is misspelt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from helm_boundary.policy.sources.data_place import place_of
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.folder import Part
from helm_boundary.policy.sources.policy import Policy
from helm_boundary.policy.sources.settings import SCHEMA
from helm_boundary.policy.sources.top_names import is_read


def unread_names(policy: Policy, folder: Path, part: Part) -> Iterator[tuple[str, str, str]]:
    """Yield where a name at the top of a folder's data is, the name, and what was meant perhaps."""
    schema = json.loads((default_policy_folder() / SCHEMA).read_bytes())
    known = set(schema["properties"])
    text = "\n".join(policy.modules.values())
    for name in part.data:
        if name in known or is_read(name, text):
            continue
        near = get_close_matches(name, known, 1)
        below = folder / name
        place = place_of([folder], [name]) or str(below if below.is_dir() else folder)
        yield place, name, f": did you mean {near[0]}?" if near else ": correct it"
