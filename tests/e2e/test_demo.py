"""The demonstration shows what it promises."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.boundary import ROOT


def test_the_demo_comes_out_as_intended(tmp_path: Path) -> None:
    """Seven calls, every receipt verified, in less than a minute, from any working directory."""
    done = subprocess.run(
        [ROOT / "scripts" / "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for verdict in ("ALLOW", "DENY", "ESCALATE"):
        assert verdict in done.stdout
