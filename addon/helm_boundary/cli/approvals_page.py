"""`helm-boundary approvals list --watch` at a terminal: what waits, and a key for each answer.

A key decides on the question that is marked, which is shown whole. The mark stays where it is when
others come; when it has to move, keys count again only after a moment, for a person may be typing.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from helm_boundary.approvals.entry import GRANTED, REFUSED, Entry
from helm_boundary.approvals.extent import ONCE, SESSION, Extent, for_time
from helm_boundary.approvals.report import caller_of, seconds_left, sentences, subject_of
from helm_boundary.approvals.store import Store
from helm_receipts.export.explain import printable

HOUR = 3600
_LOOK_SECONDS = 0.25
_SETTLE_SECONDS = 1.0
_ROWS, _ARGUMENTS = 10, 60
_HELP = "y yes, once   s yes, in its session   t yes, for an hour   n no   j k choose   q quit"

type Decide = Callable[[str, str, Extent], str]
"""Decides on a question: its id, the decision, how far a grant goes. Says how."""


class Page:
    """What waits for a person, and the mark."""

    def __init__(self, store: Store, decide: Decide) -> None:
        self._store = store
        self._decide = decide
        self._waiting: Sequence[Entry] = ()
        self._marked = ""
        self._moved_at = 0.0
        self._said = ""

    def look(self) -> None:
        """Look at what waits now."""
        self._waiting = self._store.pending(self._store.now_ns())
        if self._marked not in self._ids():
            self._move_to(next(iter(self._ids()), ""))

    def press(self, key: str) -> bool:
        """Do what a key means; return whether to go on."""
        if key in ("q", "\x03", "\x04"):
            return False
        if key in ("j", "k"):
            self._step(1 if key == "j" else -1)
        elif key in _ANSWERS and self._marked and self._has_settled():
            decision, extent = _ANSWERS[key]
            self._said = self._decide(self._marked, decision, extent)
            self.look()
        return True

    def __rich__(self) -> Group:
        """Draw what the keys mean, what waits, and the marked question, as far as there is room."""
        now = self._store.now_ns()
        table = Table("", "ID", "LEFT", "MODEL", "WHO", "WHAT", box=None, pad_edge=False)
        for entry in self._waiting[:_ROWS]:
            table.add_row(*map(Text, _cells(entry, now, is_marked=entry.id == self._marked)))
        more = len(self._waiting) - _ROWS
        lines = [f"and {more} more"] if more > 0 else []
        marked = next((each for each in self._waiting if each.id == self._marked), None)
        lines += ["", *(sentences(marked, now) if marked else ["Nothing waits for a person."])]
        return Group(*map(Text, [_HELP, self._said]), table, *map(Text, lines))

    def _ids(self) -> list[str]:
        return [entry.id for entry in self._waiting]

    def _step(self, by: int) -> None:
        ids = self._ids()
        if self._marked in ids:
            at = min(max(ids.index(self._marked) + by, 0), len(ids) - 1)
            self._move_to(ids[at])

    def _move_to(self, identity: str) -> None:
        if identity != self._marked:
            self._marked, self._moved_at = identity, time.monotonic()

    def _has_settled(self) -> bool:
        return time.monotonic() - self._moved_at >= _SETTLE_SECONDS


_ANSWERS = {
    "y": (GRANTED, ONCE),
    "s": (GRANTED, SESSION),
    "t": (GRANTED, for_time(HOUR)),
    "n": (REFUSED, ONCE),
}


def show_page(store: Store, decide: Decide) -> None:
    """Show the page until a person leaves it."""
    page = Page(store, decide)
    with _keys() as pressed, Live(page, console=Console(), screen=True, auto_refresh=False) as live:
        for key in pressed:
            page.look()
            if key and not page.press(key):
                return
            live.refresh()


def is_terminal() -> bool:
    """Tell whether there is a terminal to draw on and to read keys from."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def _keys() -> Iterator[Iterator[str]]:
    """Read keys as they are pressed; the terminal is as it was afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield _pressed(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _pressed(descriptor: int) -> Iterator[str]:
    """Yield each key, and nothing now and then: what waits changes by itself."""
    while True:
        yield ""
        if select.select([descriptor], [], [], _LOOK_SECONDS)[0]:
            keys = os.read(descriptor, 64).decode("utf-8", "replace")
            if not keys:
                return
            yield from keys


def _cells(entry: Entry, now: int, *, is_marked: bool) -> list[str]:
    request = entry.request
    who, what = caller_of(request), subject_of(request, _ARGUMENTS)
    mark = ">" if is_marked else " "
    left = f"{seconds_left(entry, now)} s"
    return [*map(printable, (mark, entry.id, left, request.flow.model or "-", who, what))]
