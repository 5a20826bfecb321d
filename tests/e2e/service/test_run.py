"""`helm-boundary run`: mitmdump or mitmweb with the boundary in it, options passed through."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helm_boundary.runtime.health import Health, running_boundaries
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout

COMMAND = [sys.executable, "-m", "helm_boundary", "run", "--port", "0"]


@contextmanager
def running(state: Path, *arguments: str) -> Iterator[Health]:
    """Run a boundary on a state folder, until the block ends."""
    where = ["--state", str(state), "--set", f"confdir={state / 'mitmproxy'}"]
    with _log(state).open("wb") as log:
        process = subprocess.Popen([*COMMAND, *where, *arguments], stdout=log, stderr=log)
    try:
        yield _health(state, process)
    finally:
        process.terminate()
        assert process.wait(30) == 0, _log(state).read_text()


def _log(state: Path) -> Path:
    return state.with_suffix(".log")


def _health(state: Path, process: subprocess.Popen[bytes]) -> Health:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        for health in running_boundaries(state):
            return health
        time.sleep(0.05)
    raise AssertionError(_log(state).read_text())


@pytest.mark.parametrize(
    ("arguments", "mode"),
    [
        ((), "regular"),
        (("--mode", "reverse:http://127.0.0.1:9"), "reverse:http://127.0.0.1:9"),
        (("--web", "--no-web-open-browser", "--web-port", "0"), "regular"),
    ],
    ids=["mitmdump", "reverse", "mitmweb"],
)
def test_run_is_sealed_and_ends_on_a_signal(
    arguments: tuple[str, ...], mode: str, tmp_path: Path
) -> None:
    """It is sealed and safe, listens on loopback only, and ends when it is told."""
    with running(tmp_path, *arguments) as health:
        assert (health.ready, health.unsafe) == (True, ())
        [listener] = health.listeners
        assert listener.mode == mode
        assert listener.address.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--ssl-insecure",), "ssl_insecure"),
        (("--set", "stream_large_bodies=1m"), "stream_large_bodies"),
        (("--ignore-hosts", "api.openai.com"), "ignore_hosts"),
        (("--set", "helm_mode=perhaps"), "helm_mode"),
    ],
)
def test_run_refuses_unsafe_options(arguments: tuple[str, ...], named: str, tmp_path: Path) -> None:
    """An option with which it would be no boundary ends it at once, and is named."""
    done = subprocess.run(
        [*COMMAND, "--state", str(tmp_path), *arguments],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    assert named in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("folder", "mode"), [("state", 0o777), ("state/keys", 0o777), ("mitmproxy", 0o707)]
)
def test_run_refuses_world_writable_folders(folder: str, mode: int, tmp_path: Path) -> None:
    """Keys, approvals or an authority that anybody could put there: one line says what to do."""
    state, confdir = tmp_path / "state", tmp_path / "mitmproxy"
    (state / "keys").mkdir(parents=True)
    confdir.mkdir()
    (tmp_path / folder).chmod(mode)
    done = subprocess.run(
        [*COMMAND, "--state", str(state), "--set", f"confdir={confdir}"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    [line] = [line for line in done.stdout.splitlines() if "helm-boundary:" in line]
    assert f"expected {tmp_path / folder} to be written by its owner only" in line
    assert "found mode 0" in line
    assert f"go-w {tmp_path / folder}`" in line
    assert not (state / "journal").exists()


def test_run_creates_folders_that_others_cannot_change(tmp_path: Path) -> None:
    """Whatever the umask: mitmproxy's folder, which it makes itself, isn't left open."""
    before = os.umask(0)
    try:
        with running(tmp_path / "state"):
            pass
        with running(tmp_path / "state"):  # and finds it well
            pass
    finally:
        os.umask(before)
    open_to_all = [path for path in (tmp_path / "state").rglob("*") if path.stat().st_mode & 0o022]
    assert [path for path in open_to_all if path.parent.name != "run"] == []


def test_mitmproxys_own_lists_leave_no_boundary_running(tmp_path: Path) -> None:
    """`--options` loads the boundary to list what it has, and ends without a word to it."""
    done = subprocess.run(
        [*COMMAND, "--state", str(tmp_path / "state"), "--options"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "helm_policy" in done.stdout
    kinds = [
        record.predicate["event"]["kind"]
        for record in read_records(Layout(tmp_path / "state").journal)
    ]
    assert kinds == ["start", "stop"]
