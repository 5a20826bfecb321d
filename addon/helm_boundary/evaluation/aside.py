"""Long work beside the event loop: what is large is read, scanned and written while others go on.

A thread of Python takes the interpreter from the loop for a slice of time at each of its turns.
Usually that is 5 ms, and a small call has dozens of turns; so the slices are short while there is
long work. What none of this can divide (one string of 30 MB, parsed) takes 1 to 5 ms a megabyte.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

LONG = 128 << 10
"""Bytes that take some milliseconds; for fewer, a thread costs more than it gives."""

CODED = 20
"""How much a content coding may make of a byte, usually."""

THREADS = 2
"""More would only take turns from each other."""

_SLICE_SECONDS = 0.0005


class _Slices:
    """The interpreter's slice of time, short while any work goes on aside."""

    def __init__(self) -> None:
        self._count = 0
        self._usual = 0.0

    @contextmanager
    def short(self) -> Iterator[None]:
        """Keep slices short; only the loop's thread may enter and leave."""
        if not self._count:
            self._usual = sys.getswitchinterval()
            sys.setswitchinterval(_SLICE_SECONDS)
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                sys.setswitchinterval(self._usual)


_slices = _Slices()


async def aside[T](size: int, work: Callable[[], T]) -> T:
    """Do work on so many bytes: at once where they are few, else while the loop goes on.

    The work must touch nothing that the loop's thread changes meanwhile. What it raises is raised.
    """
    if size <= LONG:
        return work()
    with _slices.short():
        return await asyncio.get_running_loop().run_in_executor(_threads(), work)


def weight(body: bytes, content_coding: str | None) -> int:
    """Estimate the bytes of a body once it is decoded."""
    coded = (content_coding or "identity").strip().lower() != "identity"
    return len(body) * (CODED if coded else 1)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="aside")
