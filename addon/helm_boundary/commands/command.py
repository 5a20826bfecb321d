"""The values that policy sees of a command."""

from __future__ import annotations

from dataclasses import dataclass

from helm_boundary.calls.call import ToolCall


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirection, as in `2> log`; `target` as it is written, without its quotes."""

    operator: str
    target: str
    descriptor: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One program that a shell would run.

    `program` is its name without a folder, `path` as it is written where that has one. `arguments`
    have no quotes any more; `built` are the places of those that are known at run time only.
    `writes` are the files that it would write, as far as that can be told, relative to where the
    shell began; `subshell` tells of one inside of `(…)`, `$(…)` or another command's words.

    `scripts` are files of a shell's that it would run, and `code` is what it would run in another
    language, as it is written in the command.

    `complete` is False where something else may run, or something else be written, than is told
    here: a name or a file's name that is built at run time, or code that isn't in the text.
    """

    program: str
    arguments: tuple[str, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    subshell: bool = False
    complete: bool = True
    path: str | None = None
    built: tuple[int, ...] = ()
    writes: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """The commands of a text; `complete` is False where there may be others."""

    commands: tuple[Command, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ShellCall(ToolCall):
    """A tool call that runs commands.

    Its `complete` is False, too, where one of its commands isn't complete, or where the text that
    it runs can't be read.
    """

    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class FilesCall(ToolCall):
    """A tool call that writes `files`, or patches them.

    Its `complete` is False, too, where it should have a patch and has none.
    """

    files: tuple[str, ...] = ()
