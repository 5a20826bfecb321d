"""The runner of real proxies starts them, says why they didn't start, and leaves nothing behind."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import pytest

from support.boundary import Boundary, StartFailed
from support.upstream import Upstream


def test_stock_mitmdump_is_a_reverse_proxy_for_the_upstream(tmp_path: Path) -> None:
    """The way through the proxy works before the boundary comes into it; afterwards it is gone."""
    with Upstream() as upstream, Boundary(upstream, state=tmp_path, addon=None) as proxy:
        with urllib.request.urlopen(f"{proxy.url}/v1/models", timeout=10) as response:
            assert response.status == 200
        assert len(upstream.requests) == 1
        assert proxy.ca_file.exists()
        pid = proxy.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert proxy.stop() == 0


def test_a_failed_start_reports_the_exit_code_and_the_log(tmp_path: Path) -> None:
    """A script that doesn't exist: mitmdump's own complaint is in the error."""
    boundary = Boundary(state=tmp_path, addon=tmp_path / "absent.py")
    with pytest.raises(StartFailed, match=r"absent\.py") as failed:
        boundary.start()
    assert failed.value.exit_code == 1
    assert not boundary.alive
