"""A boundary that can't be loaded is no proxy, not even for a moment."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from helm_boundary.cli.receipts import receipts
from helm_boundary.runtime.key_pinning import VARIABLE
from support.approvals import mitmweb
from support.boundary import ADDON, Boundary, StartFailed
from support.sampling import every
from support.scene import Scene, forward_scene
from support.upstream import Upstream


@pytest.mark.parametrize("fault", ["raise RuntimeError('broken')", "import nothing_of_that_name"])
def test_a_package_that_cant_be_imported_opens_no_port(tmp_path: Path, fault: str) -> None:
    """By itself mitmproxy would log the error, listen, and only then end."""
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


def test_an_option_made_unsafe_during_the_start_prevents_it(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("value", every(2, NO_HOSTS))
def test_an_invalid_list_of_hosts_prevents_the_start(tmp_path: Path, value: str) -> None:
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
def test_an_invalid_list_of_hosts_in_config_yaml_prevents_the_start(
    tmp_path: Path, text: str
) -> None:
    """The file is read by mitmproxy, and what it makes of the value counts."""
    boundary = Boundary(state=tmp_path)
    boundary.confdir.mkdir()
    (boundary.confdir / "config.yaml").write_text(text)
    with pytest.raises(StartFailed) as failed:
        boundary.start()
    assert failed.value.exit_code == 1
    lines = failed.value.log.splitlines()
    assert any("helm-boundary: " in line and "helm_hosts" in line for line in lines), lines


def test_a_host_with_a_plus_is_governed_beside_the_default_ones(tmp_path: Path) -> None:
    """What nobody knows on it is refused before the upstream hears of it."""
    with forward_scene(tmp_path, options={"helm_hosts": "+localhost"}, policy=None) as stage:
        target = f"http://localhost:{stage.upstream.port}/v1/surprise"
        with stage.untouched():
            answer = stage.post(b"", path=target, method="GET", host=target.split("/")[2])
        assert answer.code == "CAPABILITY_UNKNOWN"


def test_hosts_can_not_be_changed_at_run_time(tmp_path: Path) -> None:
    """Neither mitmweb's command nor its page of options takes a host out of the boundary."""
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


def _checked(boundary: Boundary) -> int:
    """Return the exit code of fsck, run as the boundary's own user."""
    return CliRunner().invoke(receipts, ["fsck", str(boundary.state)]).exit_code


def _call(boundary: Boundary) -> int:
    """Return the status of a call through the boundary."""
    return httpx.post(
        f"{boundary.url}/v1/chat/completions",
        json={"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]},
        timeout=30,
    ).status_code


def test_a_folder_swapped_for_the_pinned_one_opens_no_port(tmp_path: Path) -> None:
    """Somebody's folder, keys and receipts and all, under the path that was started before."""
    with Upstream() as upstream:
        boundary = Boundary(upstream, state=tmp_path / "own")
        with boundary:
            assert _call(boundary) == 200
        assert _checked(boundary) == 0
        with Boundary(upstream, state=tmp_path / "strange") as strange:
            assert _call(strange) == 200
        shutil.rmtree(boundary.state)
        shutil.move(strange.state, boundary.state)
        upstream.requests.clear()
        with pytest.raises(StartFailed) as failed, boundary:
            pass
        assert upstream.requests == []
    assert failed.value.exit_code == 1
    assert "pinned key differs" in failed.value.log
    assert "keys pin --replace" in failed.value.log
    assert _checked(boundary) == 1


def test_a_removed_state_folder_is_created_again(tmp_path: Path) -> None:
    """An honest reset: one warning, and the boundary is up."""
    with Upstream() as upstream:
        boundary = Boundary(upstream, state=tmp_path)
        with boundary:
            assert _call(boundary) == 200
        shutil.rmtree(boundary.state)
        with boundary:
            assert _call(boundary) == 200
            assert boundary.log.count("is empty and has other keys") == 1
    assert _checked(boundary) == 0


@pytest.mark.parametrize("where", ["file/pins", "helm/pins"])
def test_a_boundary_that_can_not_pin_its_keys_still_starts(tmp_path: Path, where: str) -> None:
    """In a container, say, where nothing but the state can be written: a warning."""
    (tmp_path / "file").write_text("")
    env = {VARIABLE: str(tmp_path / where)}
    with Upstream() as upstream, Boundary(upstream, state=tmp_path, env=env) as boundary:
        assert _call(boundary) == 200
        assert boundary.log.count("aren't pinned") == 1
    assert _checked(boundary) == 3
