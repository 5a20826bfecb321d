"""How a command ends: its exit codes, and the one line that says why it couldn't go on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import click

YES, NO, USAGE, INCOMPLETE = 0, 1, 2, 3


class CommandError(click.ClickException):
    """What ends a command: a message on standard error, after `who`, and an exit code."""

    exit_code: int  # type: ignore[misc]  # click has one a class, we have one an error

    def __init__(self, message: str, exit_code: int = USAGE, *, who: str = "Error") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self._who = who

    def show(self, file: object = None) -> None:
        """Print the message."""
        click.echo(f"{self._who}: {self.message}", err=True)


@contextmanager
def ending_on(*kinds: type[Exception]) -> Iterator[None]:
    """End the command with exit code 2 on errors of these kinds, whose text is the message."""
    try:
        yield
    except BrokenPipeError:  # whoever read the output has read enough, as `head` does
        raise
    except kinds as error:
        raise CommandError(_told(error)) from error


def _told(error: Exception) -> str:
    """Say what an error is, with the remedy where the system's own words have none."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return str(error)
    where = f" for {error.filename}" if error.filename else ""
    return f"the disk has no space left{where}: free some, and try again"
