"""Commands that also run beside a boundary: how they end with it, and where they listen."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from .exits import CommandError

type Command = Callable[..., Any]


def beside_option[C: Command](command: C) -> C:
    """Add `--with-parent`: a boundary that starts a command so holds its standard input open."""
    return click.option(
        "--with-parent", is_flag=True, hidden=True, help="End when standard input does."
    )(command)


def listen_option[C: Command](default: str, *, here: bool) -> Callable[[C], C]:
    """Add `--listen ADDRESS`; where it is said so, an address of this machine alone."""
    of_ours = " of this machine" if here else ""
    return click.option(
        "--listen",
        metavar="ADDRESS",
        default=default,
        show_default=True,
        help=f"Address{of_ours} to listen on; port 0 for any that is free.",
    )


@contextmanager
def ending(*, with_parent: bool) -> Iterator[threading.Event]:
    """Yield what is set by Ctrl-C and SIGTERM, and where asked by the end of standard input."""
    ended = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: ended.set()) for number in numbers]
    if with_parent:
        threading.Thread(target=_end_with_input, args=(ended,), daemon=True).start()
    try:
        yield ended
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def listening_on(address: str) -> Iterator[None]:
    """End the command with a remedy where somebody else listens on its address."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise CommandError(
            f"{address} is taken: end what listens there, or name another address with --listen"
        ) from error


def _end_with_input(ended: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    ended.set()
