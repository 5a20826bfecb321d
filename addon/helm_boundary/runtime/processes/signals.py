"""Signals that reach several processes by the one that looks after them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

from helm_boundary.runtime.terminal import has_terminal


@contextlib.contextmanager
def handed_on(stop: Callable[[signal.Signals], None], reload: Callable[[], None]) -> Iterator[None]:
    """Call these for signals while the block runs.

    A terminal that is gone ends all, as it ends one, but for those that were started with nohup.
    """
    loop = asyncio.get_running_loop()
    ignores = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    had_terminal = has_terminal() and not ignores

    def hang_up() -> None:
        if had_terminal and not has_terminal():
            stop(signal.SIGTERM)
        else:
            reload()

    taken = {
        signal.SIGTERM: lambda: stop(signal.SIGTERM),
        signal.SIGINT: lambda: stop(signal.SIGINT),
        signal.SIGHUP: hang_up,
    }
    for number, act in taken.items():
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
