"""A notice on the operator's desktop that a person is needed, where there is a program for it.

It is off unless the operator switches it on, as it starts that program. What it shows was chosen by
a client or a model in part, so nothing of it is an option, a script, or markup.
"""

from __future__ import annotations

import html
import shutil
import sys
from typing import Any

from helm_receipts.export.explain import printable

from .notify import Notifier, run

_SCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)
TITLE = "helm-boundary: a person is needed"
MAX_BODY = 400


class NoDesktop(ValueError):
    """There is no program that shows a notice."""


def desktop_notifier(*, with_arguments: bool) -> Notifier:
    """Make what shows each new question on the desktop, by `notify-send` or `osascript`.

    Raises:
        NoDesktop: neither is on PATH.
    """
    program = shutil.which("osascript" if sys.platform == "darwin" else "notify-send")
    if program is None:
        raise NoDesktop("expected notify-send (Linux) or osascript (macOS) on PATH, found neither")
    return Notifier(
        lambda told: run(command_for(program, told), told),
        name="helm_notify_desktop",
        with_arguments=with_arguments,
    )


def command_for(program: str, told: dict[str, Any]) -> list[str]:
    """Return the command that shows a notice, each text a word of its own."""
    body = printable(str(told["message"]))[:MAX_BODY]
    if program.endswith("osascript"):
        lines = [word for line in _SCRIPT for word in ("-e", line)]
        return [program, *lines, TITLE, body]
    # The body is markup to most desktops.
    return [program, "--app-name=helm-boundary", "--", TITLE, html.escape(body, quote=False)]
