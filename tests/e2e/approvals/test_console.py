"""A person at the console, played by tmux: sees what waits, reads why, decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.approvals import Asking, ask, body, free_port, until, write_policy
from support.boundary import Boundary
from support.console import console, missing
from support.upstream import Upstream

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "there is a terminal")


def test_a_person_decides_at_the_console(upstream: Upstream, tmp_path: Path) -> None:
    """Marks in the list, the judgement by command, yes by command, no by key."""
    policy = write_policy(tmp_path / "policy")
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 120}
    boundary = Boundary(
        upstream, state=tmp_path, policy=policy, program="mitmproxy", options=options
    )
    boundary.port = free_port()
    command = [str(boundary.port) if word == "0" else word for word in boundary.command]
    with console(command, tmp_path) as terminal:
        terminal.see(f"[127.0.0.1:{boundary.port}]", seconds=30)
        until(lambda: _answers(boundary), 30)
        terminal.see("403", "⛔")

        asking = Asking(boundary, body("please, at the console"))
        terminal.see("✋")
        terminal.type("G", "Enter")
        terminal.see("please, at the console", "Request intercepted")
        terminal.say(":helm.explain @focus")
        terminal.type("Enter")
        terminal.see("APPROVAL_REQUIRED from ask.person", "A person must look at this.")
        terminal.type("q")
        assert len(upstream.requests) == 0
        terminal.say(":helm.approve ")
        terminal.type("Tab")
        terminal.see("helm.approve apr_")
        terminal.type("Enter")
        terminal.see("is granted")
        assert asking.result().status == 200
        terminal.type("q")
        terminal.see("✅")

        asking = Asking(boundary, body("please, once more"))
        terminal.type("q")
        terminal.see("✋")
        terminal.type("G", "X")
        assert asking.result().codes == ["APPROVAL_REFUSED"]
        assert len(upstream.requests) == 1


def _answers(boundary: Boundary) -> bool | None:
    try:
        return ask(boundary, body("the forbidden")).status == 403
    except OSError:
        return None
