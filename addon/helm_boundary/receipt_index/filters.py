"""What a list of receipts is narrowed to, as an address or a command says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from .row import microseconds


class FilterError(ValueError):
    """A filter can't be read; the message says what it takes."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What receipts must say to be listed; None means anything. Times are RFC 3339 in UTC.

    `principal` is the proxy's user or an API key's pseudonym, `text` a part of a model, host,
    operation, principal, rule or reason code, in any letter case.
    """

    verdict: str | None = None
    phase: str | None = None
    operation: str | None = None
    model: str | None = None
    principal: str | None = None
    host: str | None = None
    reason: str | None = None
    rule: str | None = None
    end: str | None = None
    writer: str | None = None
    text: str | None = None
    since: str | None = None
    until: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Read the filters in an address; names that are none are left alone, empty ones too."""
        names = {each.name for each in fields(cls)}
        found = cls(**{name: value for name, value in given.items() if name in names and value})
        found.condition()
        return found

    def condition(self) -> tuple[str, list[Any]]:
        """Return the filter as an SQL condition with its parameters; raises FilterError."""
        parts, values = ["1"], list[Any]()
        for name in ("verdict", "phase", "operation", "model", "host", "end", "writer"):
            if (wanted := getattr(self, name)) is not None:
                parts.append(f"{name} = ?")
                values.append(wanted)
        if self.principal is not None:
            parts.append("(principal = ? OR key = ?)")
            values += [self.principal, self.principal]
        for column, wanted in (("codes", self.reason), ("rules", self.rule)):
            if wanted is not None:
                parts.append(f"instr({column}, ?)")
                values.append(f" {wanted} ")
        if self.text is not None:
            parts.append(
                "(" + " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in _SEARCHED) + ")"
            )
            values += [_pattern(self.text)] * len(_SEARCHED)
        for comparison, wanted in ((">=", self.since), ("<", self.until)):
            if wanted is not None:
                parts.append(f"at {comparison} ?")
                values.append(_time(wanted))
        return " AND ".join(parts), values


_SEARCHED = ("id", "model", "host", "operation", "principal", "key", "codes", "rules", "by")


def _pattern(text: str) -> str:
    for sign in ("\\", "%", "_"):
        text = text.replace(sign, f"\\{sign}")
    return f"%{text}%"


def _time(text: str) -> int:
    whole = text if "T" in text else f"{text}T00:00:00Z"
    try:
        return microseconds(whole)
    except (ValueError, TypeError) as error:
        raise FilterError(
            f"expected a time such as 2026-11-23 or 2026-11-23T08:00:00Z, found {text[:40]!r}"
        ) from error
