"""The demonstration, which shows what it promises."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from support.boundary import ROOT


def test_the_demo_comes_out_as_intended(tmp_path: Path) -> None:
    """Seven calls, every receipt verified, in less than a minute, from anywhere, behind a proxy."""
    elsewhere = {"https_proxy": "http://127.0.0.1:9", "HOME": str(tmp_path)}
    done = subprocess.run(
        [ROOT / "scripts" / "demo"],
        cwd=tmp_path,
        env={**os.environ, **elsewhere},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for verdict in ("ALLOW", "DENY", "ESCALATE"):
        assert verdict in done.stdout
    assert re.search(r"VERIFIED\n.*\n.*\n +calls +7\n", done.stdout)
    assert list(tmp_path.iterdir()) == []
