"""The signals that a boundary takes: SIGTERM ends it in good order, SIGHUP reads the policy again.

SIGHUP has said for longer that a terminal is gone. A program that was started in one ends with it,
as it does without us: the console by the signal itself, for it can't draw any more, the others in
good order. Who doesn't want that says so with nohup, which has the signal ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable

from mitmproxy import ctx

from helm_boundary.runtime.terminal import has_terminal

_CONSOLE = "ConsoleMaster"


def take_signals(
    loop: asyncio.AbstractEventLoop, stop: Callable[[], None], reload: Callable[[], None]
) -> None:
    """Have the loop call `stop` and `reload` for signals, as far as the system has them."""
    with contextlib.suppress(NotImplementedError, ValueError, RuntimeError, AttributeError):
        loop.add_signal_handler(signal.SIGTERM, stop)
        if type(ctx.master).__name__ == _CONSOLE:
            return
        is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        ends_with_terminal = has_terminal() and not is_ignored

        def hang_up() -> None:
            if ends_with_terminal and not has_terminal():
                stop()
            else:
                reload()

        loop.add_signal_handler(signal.SIGHUP, hang_up)
