"""Shell text of whatever kind takes time that is bounded, and nobody waits for it."""

from __future__ import annotations

import time

import pytest

from helm_boundary.commands.apart import NEAR, read
from helm_boundary.commands.grammar import MAX_TEXT

LONG = 1 << 16
PIECES = ["ls && ", "a=(", "((a", "cat <<A\n$x\n", '"$(', "{a,b}", "a|", "sudo ", "\0"]


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_takes_long(piece: str) -> None:
    """Hostile ones included, on which the grammar alone would take minutes."""
    began = time.perf_counter()
    read(piece * (NEAR // len(piece)))
    read(piece * (LONG // len(piece)))
    assert time.perf_counter() - began < 15


def test_what_takes_too_long_is_not_complete_and_the_next_is_read() -> None:
    """The process that reads is another one then."""
    assert not read("a|" * (LONG // 2)).complete
    assert read("ls\n" * (NEAR // 2)).commands[0].program == "ls"


def test_a_large_file_in_a_command_is_read_whole() -> None:
    """Agents write files by `cat`."""
    script = read("cat > x <<'END'\n" + "print('x')\n" * 80_000 + "END\n")
    assert script.complete
    assert script.commands[0].writes == ("x",)


def test_a_text_larger_than_any_is_not_complete() -> None:
    """It isn't even parsed."""
    assert not read("x" * (2 * MAX_TEXT + 1)).complete


def test_long_words_of_a_command_are_read_apart_too() -> None:
    """A shell may be among them."""
    script = read(["bash", "-c", "echo " + "x" * NEAR + " && rm y"])
    assert [each.program for each in script.commands] == ["bash", "echo", "rm"]
