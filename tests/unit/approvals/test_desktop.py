"""Notices on the desktop: what a client chose is a text there, and never a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.approvals.desktop import TITLE, NoDesktop, command_for, desktop_notifier
from helm_boundary.approvals.notify import MAX_ARGUMENTS, notice
from support.approvals import until
from support.asked import request

HOSTILE = '--help <b>&amp;\x1b[2J\n$(touch x)"'


def summary(*arguments: str) -> dict[str, Any]:
    """Return a summary of calls of one tool."""
    return {"answer": {"tool_calls": [{"name": "Bash", "arguments": each} for each in arguments]}}


def test_a_notice_has_arguments_only_where_it_is_to_have_them() -> None:
    """And then how they begin."""
    asked = request(1, summary=summary('{"command": "make"}', "x" * 1000))
    told = notice(asked)
    assert "make" not in json.dumps(told)
    assert told["message"] == "Bash; Bash (ask.person), approval apr_0000000000000001"
    told = notice(asked, MAX_ARGUMENTS)
    assert told["calls"] == ['Bash {"command": "make"}', f"Bash {'x' * MAX_ARGUMENTS}"]
    assert told["message"].startswith('Bash {"command": "make"}; Bash xx')
    assert "calls" not in notice(request(1), MAX_ARGUMENTS)


@pytest.mark.parametrize("program", ["/usr/bin/notify-send", "/usr/bin/osascript"])
def test_what_is_shown_is_one_word_of_the_command(program: str) -> None:
    """No option, no markup, no script, nothing that steers a terminal."""
    told = notice(request(1, summary=summary(HOSTILE)), MAX_ARGUMENTS)
    *before, title, body = command_for(program, told)
    assert title == TITLE
    assert "touch x" not in " ".join(before)
    assert "\x1b" not in body
    assert "\n" not in body
    if program.endswith("notify-send"):
        assert before[-1] == "--"
        assert "<b>" not in body


def test_the_desktops_program_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the session's variables, so that it finds the desktop, and no other one."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("OPENAI_API_KEY", "none-of-its-business")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    shown = tmp_path / "shown"
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\n{{ printf "%s|" "$@"; env; }} >"{shown}.new"\n'
                       f'mv "{shown}.new" "{shown}"\n')  # fmt: skip
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    desktop_notifier(with_arguments=True).tell(request(1, summary=summary('{"command": "make"}')))
    until(lambda: shown.exists() or None)
    text = shown.read_text()
    assert text.startswith(f'--app-name=helm-boundary|--|{TITLE}|Bash {{"command": "make"}} (')
    assert "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere" in text
    assert "none-of-its-business" not in text


def test_without_a_program_there_is_no_notifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who switched it on is told so at the start."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoDesktop, match="notify-send"):
        desktop_notifier(with_arguments=False)
