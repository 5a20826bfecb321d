"""The texts of a stream: what its deltas add up to, and whatever else is told of them.

Clients show what deltas add up to, or what a later event says they did. Where these differ, both
are texts that somebody reads; where they are the same, they are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from helm_boundary.calls.call import Text
from helm_boundary.calls.texts import spoken


class ToldTexts:
    """Every text that a stream has told so far."""

    def __init__(self) -> None:
        self._grown: dict[tuple[str, str], list[str]] = {}
        self._whole: dict[tuple[str, str], dict[str, None]] = {}

    def grow(self, pointer: str, role: str, words: str) -> None:
        """Take in the next words of the text at that pointer."""
        self.growing(pointer, role).append(words)

    def growing(self, pointer: str, role: str) -> list[str]:
        """Return the words so far of the text at that pointer, for the next to be appended."""
        return self._grown.setdefault((pointer, role), [])

    def grow_all(self, texts: Iterable[Text]) -> None:
        """Take in the next words of several texts."""
        for text in texts:
            self.grow(text.pointer, text.role, text.text)

    def tell(self, texts: Iterable[Text]) -> None:
        """Take in texts that stand whole; one that goes on from the last there replaces it."""
        for text in texts:
            told = self._whole.setdefault((text.pointer, text.role), {})
            last = next(reversed(told), None)
            if last is not None and text.text.startswith(last):
                del told[last]
            told[text.text] = None

    def texts(self) -> Iterator[Text]:
        """Every text, some of them twice."""
        for (pointer, role), parts in self._grown.items():
            yield from spoken("".join(parts), pointer, role)
        for (pointer, role), told in self._whole.items():
            yield from (Text(pointer, role, words) for words in told)
            if len(told) > 1:  # some providers repeat a message piece by piece
                yield Text(pointer, role, "".join(told))


def each_once(texts: Iterable[Text]) -> tuple[Text, ...]:
    """Texts without those that say nothing, and without what the same role has said already."""
    found: dict[tuple[str, str], Text] = {}
    for text in texts:
        if text.text:
            found.setdefault((text.role, text.text), text)
    return tuple(found.values())
