"""Commands as values: they are printed exactly as they would be run."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Command = tuple[str, ...]
_SECONDS = 120.0


class CommandFailed(Exception):
    """A system command that failed; the message has the command and its output."""


@dataclass(frozen=True, slots=True)
class Ran:
    """The end of a command: its exit code and its output."""

    code: int
    out: str


Runner = Callable[[Command], Ran]


def run(command: Command) -> Ran:
    """Run a command; the exit code is 127 where there is no such program."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return Ran(127, f"{command[0]}: no such program")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ran(126, str(error))
    return Ran(done.returncode, done.stdout)


def carry_out(commands: Sequence[Command], runner: Runner = run) -> None:
    """Run commands in order.

    Raises:
        CommandFailed: at the first that fails.
    """
    for command in commands:
        ran = runner(command)
        if ran.code:
            said = " ".join(ran.out.split())[-300:]
            raise CommandFailed(f"{shown(command)}: exit code {ran.code}: {said}")


def shown(command: Command) -> str:
    """Return a command as a person can paste it: into a shell, or into cmd for Windows."""
    if any("\\" in part for part in command):
        return subprocess.list2cmdline(command)
    return shlex.join(command)


def as_root(command: Command, user: int) -> Command:
    """Return the command, by sudo unless the user (a uid) is root."""
    return command if user == 0 else ("sudo", *command)
