"""How much of a busy machine may be taken by what runs beside calls: what they leave of it."""

from __future__ import annotations

import contextlib
import os
import threading

NICER = 10
"""How much nicer than the boundary its companions are: they still answer people and scrapers."""

_NICEST = 19


def lower_priority(pid: int) -> None:
    """Lower the priority of another process below this one's, where the system allows it."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + NICER)


def yield_to_calls() -> None:
    """Leave this thread only what calls don't take: what it falls behind, it makes up for later.

    Linux knows threads by such ids; elsewhere nothing is changed.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICEST)
