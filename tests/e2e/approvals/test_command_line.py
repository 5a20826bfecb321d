"""`helm-boundary approvals` as it is typed: at a terminal, and watching."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.approvals import approvals, ask, body, grant
from support.boundary import Boundary

PROGRAM = Path(sys.executable).parent / "helm-boundary"


@contextmanager
def terminal(boundary: Boundary, *arguments: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the command at a terminal of its own; yield what one reads and writes at."""
    ours, theirs = pty.openpty()
    command = [str(PROGRAM), "approvals", *arguments, "--state", str(boundary.state)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        yield ours, process
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)


def read_until(terminal: int, word: str, seconds: float = 20) -> str:
    """Return what the terminal shows, once that includes the word."""
    shown = ""
    deadline = time.monotonic() + seconds
    while word not in shown:
        if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            raise TimeoutError(f"expected {word!r}, found {shown!r}")
        try:
            shown += os.read(terminal, 65536).decode()
        except OSError as error:
            raise AssertionError(f"expected {word!r} before the end, found {shown!r}") from error
    return shown


@pytest.mark.parametrize(
    ("command", "typed", "exit_code", "status"),
    [
        ("approve", "", 1, "pending"),
        ("approve", "yes", 1, "pending"),
        ("approve", "ID", 0, "granted"),
        ("deny", "ID", 0, "refused"),
    ],
    ids=["nothing", "yes", "approve", "deny"],
)
def test_a_decision_at_a_terminal_is_confirmed(
    boundary: Boundary, command: str, typed: str, exit_code: int, status: str
) -> None:
    """The call is shown, and only the end of its own id confirms."""
    asked = ask(boundary, body(f"please, at a terminal: {command} {typed}")).approval
    with terminal(boundary, command, asked) as (screen, process):
        shown = read_until(screen, "Type ")
        assert "A person must look at this." in shown
        answer = asked[-4:] if typed == "ID" else typed
        os.write(screen, f"{answer}\n".encode())
        assert process.wait(20) == exit_code
    shown = approvals(boundary, "show", "--json", asked).output
    assert json.loads(shown)["status"] == status


def test_watch_prints_new_requests_and_decisions(boundary: Boundary) -> None:
    """Each new request is a line as it comes, and so is what becomes of it."""
    with terminal(boundary, "list", "--watch", "--json") as (screen, process):
        asked = ask(boundary, body("please, watch")).approval
        read_until(screen, f'"id": "{asked}", "status": "pending"')
        grant(boundary, asked)
        read_until(screen, f'"id": "{asked}", "status": "granted"')
        assert process.poll() is None
