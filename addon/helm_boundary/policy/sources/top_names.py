"""Names at the top of a policy's data: a setting that is misspelt there would be no setting."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from helm_boundary.policy.errors import PolicyError

from .data_place import place_of

NEAR = 0.75
"""How alike two names must be for one to be a slip of the other."""


def check_top_names(
    data: Mapping[str, Any],
    known: Collection[str],
    modules: Iterable[str],
    folders: Sequence[Path] = (),
) -> None:
    """Refuse names that no rule reads and that are nearly a setting's: PolicyError."""
    text = "\n".join(modules)
    problems = []
    for name in data:
        near = get_close_matches(name, known, 1, NEAR)
        if near and name not in known and not is_read(name, text):
            said = f"data.{name} is read by no rule: did you mean {near[0]}?"
            problems.append(f"{_place(name, folders)}{said}")
    if problems:
        raise PolicyError(*problems)


def _place(name: str, folders: Sequence[Path]) -> str:
    """Return the file and line that say a name, or the folder of that name."""
    below = next((str(each / name) for each in folders if (each / name).is_dir()), None)
    place = place_of(folders, [name]) or below
    return f"{place}: " if place else ""


def is_read(name: str, text: str) -> bool:
    """Tell whether Rego reads a name at the top of data, or one that it computes."""
    word = re.escape(name)
    reads = rf"\bdata\s*(?:\.\s*{word}\b|\[\s*[\"`]{word}[\"`]|\[\s*\w+\s*\])"
    return re.search(reads, text) is not None
