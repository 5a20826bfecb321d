"""A command that can't go on says why in one place, and its exit code says how it ended."""

from __future__ import annotations

import errno

import click
import pytest
from click.testing import CliRunner

from helm_boundary.cli.exits import NO, USAGE, CommandError, ending_on


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (CommandError("no such key"), USAGE, "Error: no such key\n"),
        (CommandError("it isn't pending", NO), NO, "Error: it isn't pending\n"),
        (CommandError("no program", 127, who="helm-boundary"), 127, "helm-boundary: no program\n"),
        (FileNotFoundError("no such file"), USAGE, "Error: no such file\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/state/run"),
            USAGE,
            "Error: the disk has no space left for /state/run: free some, and try again\n",
        ),
    ],
    ids=["usage", "no", "as a shell", "an error of those named", "a full disk"],
)
def test_an_error_is_a_line_on_stderr_and_an_exit_code(
    raised: Exception, code: int, said: str
) -> None:
    """Nothing of it is on standard output, which other programs read."""

    @click.command()
    def command() -> None:
        with ending_on(OSError):
            raise raised

    result = CliRunner().invoke(command)
    assert (result.exit_code, result.stderr, result.stdout) == (code, said, "")


def test_an_error_that_nobody_named_is_not_hidden() -> None:
    """A mistake of ours stays a traceback."""
    with pytest.raises(KeyError), ending_on(OSError):
        raise KeyError
