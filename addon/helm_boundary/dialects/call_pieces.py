"""Tool calls that come in pieces, over events in a shape that nobody knows.

Providers say the next words of the arguments in each event; one says all of them so far, where its
request didn't ask for words. What clients add up is read, and there what the last event says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from helm_boundary.calls.call import ToolCall

from .json_shape import tool_call

_MARKS = re.compile(r'\\.|[\\"{}\[\]]', re.DOTALL)


class _Depth:
    """How deep a JSON text is inside of brackets, read piece by piece."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = self._is_escaped = False
        self.has_begun = False

    def read(self, words: str) -> None:
        """Go on with the text."""
        start = 1 if self._is_escaped and words else 0
        self._is_escaped = self._is_escaped and not words
        for found in _MARKS.finditer(words, start):
            mark = found[0]
            if mark == "\\":
                self._is_escaped = True  # the next piece begins with what is escaped
            elif mark == '"':
                self._in_text = not self._in_text
                self.has_begun = True
            elif not self._in_text and len(mark) == 1:
                self._depth += 1 if mark in "{[" else -1
                self.has_begun = True

    @property
    def is_out(self) -> bool:
        """Whether something was said, and all of it is closed."""
        return self.has_begun and self._depth <= 0 and not self._in_text


class CallPieces:
    """One call: its name once that is told, and its arguments so far.

    `names` are all that were told: clients take the first, the last, or add them up.
    """

    def __init__(self, pointer: str, call_id: str | None, *, may_repeat: bool) -> None:
        self.names: tuple[str, ...] = ()
        self.is_over = False
        """Whether something else has been told since."""
        self._pointer = pointer
        self._id = call_id
        self._words: list[str] = []
        self._last = ""
        self._repeats = self._may_repeat = may_repeat
        self._added = _Depth()
        self._alone = _Depth()

    def grow(self, words: str) -> None:
        """Take in what an event says of the arguments."""
        self.is_over = False
        self._repeats = self._repeats and words.startswith(self._last)
        self._words.append(words)
        self._last = words
        self._added.read(words)
        self._alone = _Depth()
        if self._repeats:
            self._alone.read(words)

    @property
    def is_whole(self) -> bool:
        """Whether it has a name, and its arguments are closed or nobody goes on with them."""
        is_closed = self._alone.is_out if self._repeats else self._added.is_out
        return bool(self.names) and (is_closed if self._added.has_begun else self.is_over)

    def readings(self) -> Iterator[ToolCall]:
        """Yield the call as clients hold it."""
        names = (*self.names, "".join(self.names)) if len(self.names) > 1 else self.names
        for words in self._told_words():
            said = words if words.strip() else {}
            for name in names:
                yield tool_call(name, said, call_id=self._id, pointer=self._pointer)

    def _told_words(self) -> Iterator[str]:
        """Yield the arguments; where events may repeat them, the last one's count by themselves."""
        yield self._last if self._repeats else "".join(self._words)
        if self._may_repeat and not self._repeats:
            last = _Depth()
            last.read(self._last)
            if last.is_out and self._last.lstrip()[:1] == "{":
                yield self._last
