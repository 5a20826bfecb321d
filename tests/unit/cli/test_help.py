"""`--help` teaches: the list of commands says of each, in whole words, what it does."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from helm_boundary.cli import main

_COLUMNS = 80


def groups(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of each group of commands, the topmost being ()."""
    if isinstance(command, click.Group):
        yield path
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from groups(below, *path, name)


@pytest.mark.parametrize("path", list(groups(main)), ids=" ".join)
def test_no_description_in_a_list_of_commands_is_cut_off(path: tuple[str, ...]) -> None:
    """On a terminal of 80 columns; click cuts what is longer, and ends it with dots."""
    result = CliRunner().invoke(main, [*path, "--help"], terminal_width=_COLUMNS)
    assert result.exit_code == 0
    listed = result.output.partition("Commands:\n")[2]
    assert listed
    assert not [line for line in listed.splitlines() if line.endswith("...")]
