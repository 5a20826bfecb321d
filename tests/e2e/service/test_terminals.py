"""Programs in a terminal: what becomes of them when its window is closed, and on a signal."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from helm_receipts.journal.records import read_records
from support.approvals import ask, free_port, until, write_policy
from support.boundary import ADDON, Boundary
from support.terminals import Terminal

READY = "helm-boundary listens on"


def boundary_of(
    folder: Path, program: str, *, addon: Path | None = ADDON, policy: Path | None = None
) -> tuple[Boundary, Sequence[str]]:
    """Return a boundary's place, and the command that starts it as that program."""
    mode = "reverse:http://127.0.0.1:9"
    boundary = Boundary(state=folder, program=program, mode=mode, addon=addon, policy=policy)
    boundary.port = free_port()
    command = list(boundary.command)
    command[command.index("--listen-port") + 1] = str(boundary.port)
    return boundary, command


def answers(boundary: Boundary) -> bool | None:
    """Tell whether a boundary judges: it refuses what it can't read."""
    try:
        return ask(boundary, b"{").status == 403 or None
    except OSError:
        return None


def sessions(boundary: Boundary) -> list[str]:
    """Return what the recorder's own receipts say of its starts and ends, in order."""
    found = [each.predicate for each in read_records(boundary.state / "journal")]
    return [each["event"]["kind"] for each in found if each["phase"] == "session"]


@pytest.mark.parametrize("addon", [ADDON, None], ids=["with the boundary", "plain mitmproxy"])
def test_a_console_ends_when_its_terminal_is_closed(tmp_path: Path, addon: Path | None) -> None:
    """By the signal itself, with the boundary as without it."""
    boundary, command = boundary_of(tmp_path, "mitmproxy", addon=addon)
    with Terminal(command, tmp_path) as terminal:
        if addon is None:
            terminal.see(f"127.0.0.1:{boundary.port}")
        else:
            until(lambda: answers(boundary), 30)
        terminal.close()
        assert terminal.ends() == -signal.SIGHUP


def test_a_console_ends_on_sigterm(tmp_path: Path) -> None:
    """In good order: the last receipt says that it stopped."""
    boundary, command = boundary_of(tmp_path, "mitmproxy")
    with Terminal(command, tmp_path) as terminal:
        until(lambda: answers(boundary), 30)
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.ends() == 0
    assert sessions(boundary)[-1] == "stop"


@pytest.mark.parametrize("program", ["mitmdump", "mitmweb"])
def test_other_programs_end_in_good_order_with_their_terminal(tmp_path: Path, program: str) -> None:
    """Nobody sees them any more, and nobody would know that they listen."""
    boundary, command = boundary_of(tmp_path, program)
    with Terminal(command, tmp_path) as terminal:
        terminal.see(READY)
        terminal.close()
        assert terminal.ends() >= 0  # 1 where mitmproxy had a line to print, and nowhere to
    assert sessions(boundary)[-1] == "stop"


@pytest.mark.skipif(shutil.which("nohup") is None, reason="there is no nohup")
def test_what_was_started_with_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    """As nohup promises; it goes on judging."""
    boundary, command = boundary_of(tmp_path, "mitmdump")
    with Terminal(["nohup", *command], tmp_path) as terminal:
        until(lambda: answers(boundary), 30)
        terminal.close()
        assert terminal.goes_on()
        assert answers(boundary)


def test_sighup_reads_the_policy_again_in_a_terminal_that_is_there(tmp_path: Path) -> None:
    """Somebody has sent it from elsewhere."""
    boundary, command = boundary_of(tmp_path, "mitmdump", policy=write_policy(tmp_path / "policy"))
    with Terminal(command, tmp_path) as terminal:
        terminal.see(READY)
        os.kill(terminal.pid, signal.SIGHUP)
        terminal.see("the policy is read and tried")
        assert terminal.goes_on(1)
        assert answers(boundary)
