"""A boundary that can't be loaded is no proxy, not even for a moment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.approvals import mitmweb
from support.boundary import ADDON, Boundary, StartFailed
from support.scene import Scene
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


NO_HOSTS = [
    "api.openai.com,api.anthropic.com",
    "api.openai.com api.anthropic.com",
    "api.openai.com;x",
    "user@api.openai.com",
    ".openai.com",
    "'api.openai.com'",
    "api.openai.com?x",
    "api.openai.com:443:1",
    "",
]


@pytest.mark.parametrize("value", NO_HOSTS)
def test_what_is_no_list_of_hosts_is_a_refusal_to_start(tmp_path: Path, value: str) -> None:
    """It would match no request, and the hosts that were meant would be ungoverned."""
    boundary = Boundary(state=tmp_path, args=["--set", f"helm_hosts={value}"])
    with pytest.raises(StartFailed) as failed:
        boundary.start()
    assert failed.value.exit_code == 1
    (line,) = [line for line in failed.value.log.splitlines() if "helm_hosts" in line]
    assert "repeat `--set helm_hosts=" in line
    assert "Traceback" not in failed.value.log


@pytest.mark.parametrize(
    "text", ["helm_hosts: api.openai.com", "helm_hosts: []", "helm_hosts: [a.com b.com]"]
)
def test_what_is_no_list_of_hosts_in_config_yaml_is_one_too(tmp_path: Path, text: str) -> None:
    """The file is read by mitmproxy, and what it makes of the value counts."""
    boundary = Boundary(state=tmp_path)
    boundary.confdir.mkdir()
    (boundary.confdir / "config.yaml").write_text(text)
    with pytest.raises(StartFailed) as failed:
        boundary.start()
    assert failed.value.exit_code == 1
    lines = failed.value.log.splitlines()
    assert any("helm-boundary: " in line and "helm_hosts" in line for line in lines), lines


def test_hosts_set_while_it_runs_are_refused_and_the_old_ones_stay(tmp_path: Path) -> None:
    """mitmweb's command and its page of options: neither takes a host out of the boundary."""
    with (
        Upstream() as upstream,
        mitmweb(tmp_path, upstream, helm_hosts="127.0.0.1") as (boundary, web),
    ):
        for value in ("elsewhere.example", "a.com,b.com"):
            assert "helm_" in str(web.command("set", "helm_hosts", value))
            with pytest.raises(OSError, match="helm_"):
                web.call("PUT", "/options", {"helm_hosts": [value]})
        assert web.call("GET", "/options")["helm_hosts"]["value"] == ["127.0.0.1"]
        stage = Scene(boundary, upstream)
        with stage.untouched():
            assert stage.post(b"", path="/v1/surprise", method="GET").code == "CAPABILITY_UNKNOWN"
