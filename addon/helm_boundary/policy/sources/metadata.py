"""``# METADATA`` of rules: the comments in which a policy says what its rules are.

The format is OPA's: a comment block that starts with ``# METADATA``, YAML below it, directly
above what it is about (https://www.openpolicyagent.org/docs/policy-language#annotations).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from helm_boundary.policy import data_file
from helm_boundary.policy.errors import PolicyError


@dataclass(frozen=True, slots=True)
class Metadata:
    """One block: what it says, and the line of what it is about."""

    line: int
    title: str | None
    ids: tuple[str, ...]
    custom: Mapping[str, Any]


def read_metadata(text: str, file: str) -> dict[int, Metadata]:
    """Return the blocks of a module, by the line that they are about."""
    return {block.line: block for block in _blocks(text, file)}


def _blocks(text: str, file: str) -> Iterator[Metadata]:
    lines = text.split("\n")
    start: int | None = None
    for number, line in enumerate(lines):
        if start is None:
            start = number + 1 if line.strip() == "# METADATA" else None
        elif not line.startswith("#"):
            yield _parse([part[2:] for part in lines[start:number]], file, start, number + 1)
            start = None


def _parse(lines: list[str], file: str, start: int, about: int) -> Metadata:
    try:
        value = data_file.parse_yaml("\n".join(lines).encode(), file)
    except PolicyError as error:
        raise PolicyError(f"{file}:{start}: METADATA is {error}") from None
    if not isinstance(value, dict):
        raise PolicyError(f"{file}:{start}: METADATA must be an object")
    custom = value.get("custom", {})
    custom = custom if isinstance(custom, dict) else {}
    ids = custom.get("id", [])
    return Metadata(
        line=about,
        title=value.get("title"),
        ids=tuple(ids) if isinstance(ids, list) else (str(ids),),
        custom=custom,
    )
