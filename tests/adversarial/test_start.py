"""A boundary that can't be loaded is no proxy, not even for a moment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.boundary import ADDON, Boundary, StartFailed
from support.upstream import Upstream


@pytest.mark.parametrize("fault", ["raise RuntimeError('broken')", "import nothing_of_that_name"])
def test_a_package_that_cant_be_imported_opens_no_port(tmp_path: Path, fault: str) -> None:
    """mitmproxy alone would log the error, listen, and only then end."""
    script = tmp_path / "addon" / "helm.py"
    package = script.parent / "helm_boundary" / "__init__.py"
    package.parent.mkdir(parents=True)
    shutil.copy(ADDON, script)
    package.write_text(fault)
    with Upstream() as upstream:
        boundary = Boundary(upstream, state=tmp_path / "state", addon=script)
        with pytest.raises(StartFailed) as failed, boundary:
            pass
        assert upstream.connections == 0
    assert failed.value.exit_code == 1
    assert "helm-boundary can't be loaded" in failed.value.log
    assert "listening" not in failed.value.log


def test_an_option_made_unsafe_behind_our_back_ends_the_start(tmp_path: Path) -> None:
    """Set where no `configure` hook is asked: seen when all addons run, and nothing passes."""
    script = tmp_path / "sly.py"
    script.write_text(
        "from mitmproxy import ctx\n"
        "def running():\n"
        "    ctx.options._options['stream_large_bodies'].set('1k')\n"
    )
    with Upstream() as upstream:
        boundary = Boundary(upstream, state=tmp_path / "state", args=("-s", str(script)))
        with pytest.raises(StartFailed) as failed, boundary:
            pass
        assert upstream.connections == 0
    assert failed.value.exit_code == 1
    assert "stream_large_bodies=1k" in failed.value.log
