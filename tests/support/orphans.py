"""Processes that end with the test run that started them, also where that is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_SET_PARENT_DEATH_SIGNAL = 1


def end_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """Return a `preexec_fn` that has the kernel send a signal when the parent is gone (Linux).

    It runs after `user=` has taken effect, which would undo it.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, number)
        if os.getppid() != parent:  # it was gone before anybody asked
            os._exit(1)

    return ask
