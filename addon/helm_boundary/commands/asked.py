"""Whether a policy's data ask for commands; nothing else of this room is imported until they do."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reader import CommandReader

SLOWER = 64
"""What reading commands is worth of other work: a text that is read apart is waited for aside."""
EXTRA = "helm-boundary[shell]"
_NEEDED = ("tree_sitter", "tree_sitter_bash")


class ShellError(Exception):
    """The data's shells can't be read: what parses them is missing, or the data aren't names."""


def command_reader(data: Mapping[str, Any]) -> CommandReader | None:
    """Return the reader that `tools.shell`, `patches` and `files` ask for; None where none does.

    Raises:
        ShellError: what parses shells isn't installed, or a name has no place beside it.
    """
    shells, *others = (_names(data, member) for member in ("shell", "patches", "files"))
    if not shells and not any(others):
        return None
    if shells and not all(map(importlib.util.find_spec, _NEEDED)):
        raise ShellError(
            "tools.shell: what parses a shell's commands isn't installed: install "
            f"{EXTRA}, or set tools.shell to null"
        )
    from .reader import CommandReader

    return CommandReader(shells, *others)


def _names(data: Mapping[str, Any], member: str) -> Mapping[str, str]:
    tools = data.get("tools")
    names = tools.get(member) if isinstance(tools, Mapping) else None
    if not names:
        return {}
    if not isinstance(names, Mapping) or not all(isinstance(each, str) for each in names.values()):
        raise ShellError(
            f"tools.{member}: expected a tool's name and its argument's, such as Bash: command"
        )
    return {name: place for name, place in names.items() if place}
