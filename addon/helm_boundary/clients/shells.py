"""Variables written in the syntax of a shell."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

SHELLS: dict[str, Callable[[str, str], str]] = {}


def _shell[Writer: Callable[[str, str], str]](*names: str) -> Callable[[Writer], Writer]:
    def register(writer: Writer) -> Writer:
        SHELLS.update(dict.fromkeys(names, writer))
        return writer

    return register


@_shell("bash", "zsh", "sh")
def _posix(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


@_shell("fish")
def _fish(name: str, value: str) -> str:
    # fish(1): in single quotes only \\ and \' are escapes.
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


@_shell("powershell", "pwsh")
def _powershell(name: str, value: str) -> str:
    # about_Quoting_Rules: in single quotes only '' is an escape.
    quoted = value.replace("'", "''")
    return f"$Env:{name} = '{quoted}'"


def script(shell: str, variables: Mapping[str, str]) -> str:
    """Return lines that set the variables; KeyError for a shell that isn't in `SHELLS`."""
    writer = SHELLS[shell]
    return "".join(f"{writer(name, value)}\n" for name, value in variables.items())


def shell_of(path: str) -> str:
    """Return the shell that $SHELL names, or bash."""
    name = path.rpartition("/")[2]
    return name if name in SHELLS else "bash"
