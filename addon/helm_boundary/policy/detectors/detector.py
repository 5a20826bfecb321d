"""One detector: what it finds in a text, and what it says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .placeholders import Published
from .validators import Validator

if TYPE_CHECKING:
    from helm_boundary.calls.call import Place

CREDENTIALS = "secret."
"""How the names of detectors begin for which a placeholder is no finding."""

SIDE = 128
"""Bytes before and after a match that ``unless_before`` and ``unless_after`` see."""


NOTHING_PUBLISHED = Published()


@dataclass(frozen=True, slots=True)
class Finding:
    """A detector's match: code points ``start`` to ``end`` of the text at ``pointer``.

    Only where ``place`` is "text" can it be cut out there; see `Text` and its kinds. ``role`` is
    whose text it is, so that a policy which asks that needn't look into texts.
    """

    detector: str
    pointer: str
    start: int
    end: int
    place: Place = "text"
    role: str = field(default="", compare=False)  # it follows from the pointer


@dataclass(frozen=True, slots=True)
class Detector:
    """One compiled detector; ``published`` tells what no credential is, whatever its form."""

    name: str
    pattern: Any
    group: int
    validate: Validator | None = None
    keywords: tuple[str, ...] = ()
    keyword: Any | None = None  # one pattern for all of them
    near: int = 64
    unless: Any | None = None
    unless_before: Any | None = None
    unless_after: Any | None = None
    published: Published = NOTHING_PUBLISHED

    @property
    def is_credential(self) -> bool:
        """Tell whether a placeholder is no finding, and a doubt is one."""
        return self.name.startswith(CREDENTIALS)

    def spans(self, text: bytes, name: str = "") -> Iterator[tuple[int, int]]:
        """Yield the byte spans of what the detector finds, in order.

        `name` is that of the member which holds the text: it counts as near.
        """
        for match in self.pattern.finditer(text):
            start, end = match.span(self.group)
            if start < 0:  # the group took no part in the match
                start, end = match.span()
            end = self._valid_end(text, start, end)
            if start < end and self._holds(text, start, end, name):
                yield start, end

    def holds_alone(self, text: bytes, start: int, end: int) -> bool:
        """Tell whether a part of what was found would be found by itself."""
        return self.pattern.match(text[start:end]) is not None

    def has_keyword(self, text: bytes) -> bool:
        """Tell whether one of the words is there that must be near."""
        return self.keyword is not None and self.keyword.search(text) is not None

    def _valid_end(self, text: bytes, start: int, end: int) -> int:
        """Return where the part that is valid ends; ``start`` when none is.

        A number in groups may have taken the word behind it for one more group.
        """
        if self.validate is None:
            return end
        while start < end and not self.validate(text[start:end]):
            end = text.rfind(b" ", start, end)
        return max(start, end)

    def _holds(self, text: bytes, start: int, end: int, name: str) -> bool:
        found = text[start:end]
        if self.unless is not None and self.unless.search(found):
            return False
        if self.is_credential and self.published.has(found):
            return False
        return not self._excused(text, start, end) and self._is_near(text, start, end, name)

    def _excused(self, text: bytes, start: int, end: int) -> bool:
        before, after = self.unless_before, self.unless_after
        if before is not None and before.search(text[max(0, start - SIDE) : start]):
            return True
        return after is not None and after.search(text[end : end + SIDE]) is not None

    def _is_near(self, text: bytes, start: int, end: int, name: str) -> bool:
        if self.keyword is None:
            return True
        around = text[max(0, start - self.near) : end + self.near]
        return self.has_keyword(around) or self.has_keyword(name.encode("utf-8", "surrogatepass"))
