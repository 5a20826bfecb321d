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
from typing import Any

import pytest

from support.approvals import approvals, ask, body, grant, write_policy
from support.boundary import Boundary
from support.upstream import Upstream

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


@pytest.fixture
def alone(upstream: Upstream, tmp_path: Path) -> Iterator[Boundary]:
    """Start a boundary at which nothing waits."""
    policy = write_policy(tmp_path / "policy")
    with Boundary(upstream, state=tmp_path, policy=policy) as running:
        yield running


def status_of(boundary: Boundary, identity: str) -> dict[str, Any]:
    """Return what became of a question."""
    told: dict[str, Any] = json.loads(approvals(boundary, "show", "--json", identity).output)
    return told


@pytest.mark.parametrize(
    ("key", "status"), [("y", "granted"), ("s", "granted"), ("t", "granted"), ("n", "refused")]
)
def test_a_page_has_a_key_for_each_answer(alone: Boundary, key: str, status: str) -> None:
    """At a terminal: the question is shown whole, and a key that comes too soon does nothing."""
    with terminal(alone, "list", "--watch") as (screen, process):
        read_until(screen, "Nothing waits")
        asked = ask(alone, body("please, on a page", prompt_cache_key="a-session")).approval
        read_until(screen, f"Approval {asked}")
        os.write(screen, key.encode())
        time.sleep(0.6)
        assert status_of(alone, asked)["status"] == "pending"
        time.sleep(1)
        os.write(screen, key.encode())
        read_until(screen, f"{asked} is {status}")
        os.write(screen, b"q")
        assert process.wait(20) == 0
    told = status_of(alone, asked)
    assert told["status"] == status
    assert (told["seconds_left"] > 3000) is (key in "st")
    assert (told["seconds_left"] > 3600) is (key == "s")


def test_a_page_marks_one_of_several(alone: Boundary) -> None:
    """The mark moves by keys, and stays when others come."""
    first = ask(alone, body("please, the first of several")).approval
    with terminal(alone, "list", "--watch") as (screen, _):
        read_until(screen, f"Approval {first}")
        second = ask(alone, body("please, the second of several")).approval
        read_until(screen, second)
        os.write(screen, b"j")
        read_until(screen, f"Approval {second}")
        time.sleep(1.2)
        os.write(screen, b"n")
        read_until(screen, f"{second} is refused")
    assert [status_of(alone, each)["status"] for each in (first, second)] == ["pending", "refused"]
