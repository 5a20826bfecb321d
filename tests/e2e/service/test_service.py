"""The boundary as a service: ready, healthy, stopped without cutting a call off."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helm_boundary.runtime.health import Health, ask, running_boundaries
from support.boundary import ROOT, Boundary
from support.scene import JSON_BODY
from support.upstream import DONE, Pause, Recorded, Reply, Upstream, event

UNITS = sorted((ROOT / "scripts" / "service").glob("*.service"))


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Start an upstream that takes a second for its answers."""
    with Upstream() as server:
        server.answer(_slowly)
        yield server


def _slowly(request: Recorded) -> Reply:
    chunk = {"choices": [{"index": 0, "delta": {"content": "slow"}}]}
    return Reply.events(event(chunk), Pause(1.0), event(chunk), DONE)


def _ask(url: str) -> bytes:
    asked = {
        "model": "gpt-4o-mini",
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(asked).encode(), dict(JSON_BODY)
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return bytes(answer.read())


def _health(boundary: Boundary) -> Health:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for health in running_boundaries(boundary.state):
            return health
        time.sleep(0.05)
    raise AssertionError(f"no health within 10 seconds: {boundary.log}")


def test_health_says_what_is_in_force(tmp_path: Path, upstream: Upstream) -> None:
    """Over a socket that is its user's alone: where it listens, that it is sealed, its policy."""
    with Boundary(upstream, state=tmp_path) as boundary:
        health = _health(boundary)
        assert (health.ready, health.sealed, health.pid) == (True, True, boundary.pid)
        assert health.listeners[0].address == f"127.0.0.1:{boundary.port}"
        assert health.policy_digest in boundary.log
        assert health.unsafe == ()
        folder = boundary.state / "run"
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []


def test_a_stale_socket_is_removed(tmp_path: Path, upstream: Upstream) -> None:
    """What a killed boundary leaves isn't taken for one that runs, and the next one tidies up."""
    with Boundary(upstream, state=tmp_path) as boundary:
        dead = boundary.state / "run" / f"{_health(boundary).pid}.sock"
        boundary.kill()
        assert dead.exists()
        assert ask(dead) is None
        boundary.start()
        assert _health(boundary).pid == boundary.pid
        assert not dead.exists()


def test_a_stop_lets_open_calls_finish(tmp_path: Path, upstream: Upstream) -> None:
    """SIGTERM in the middle of a stream: its client gets all of it, a new one isn't taken."""
    with Boundary(upstream, state=tmp_path) as boundary:
        _health(boundary)
        got: list[bytes] = []
        call = threading.Thread(target=lambda: got.append(_ask(boundary.url)))
        call.start()
        _until(lambda: _health(boundary).open_calls == 1)
        os.kill(boundary.pid, signal.SIGTERM)
        _until(lambda: not _accepts(boundary.port))
        call.join(20)
        assert got[0].endswith(DONE), got
        assert boundary.stop() == 0


def test_a_second_sigterm_stops_at_once(tmp_path: Path, upstream: Upstream) -> None:
    """Whoever says it twice doesn't want to wait."""
    upstream.answer(lambda _: Reply.events(event({"choices": []}), Pause(30), DONE))
    with Boundary(upstream, state=tmp_path) as boundary:
        _health(boundary)
        threading.Thread(target=lambda: _ignoring(_ask, boundary.url), daemon=True).start()
        _until(lambda: _health(boundary).open_calls == 1)
        begun = time.monotonic()
        os.kill(boundary.pid, signal.SIGTERM)
        _until(lambda: not _accepts(boundary.port))
        assert boundary.stop() == 0
        assert time.monotonic() - begun < 10


def test_systemd_is_notified(tmp_path: Path, upstream: Upstream) -> None:
    """READY=1 when calls are judged, STOPPING=1 when it is told to stop; sd_notify(3)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(20)
        systemd.bind(name := f"\0helm-boundary-test-{os.getpid()}-{upstream.port}")
        told = {"NOTIFY_SOCKET": "@" + name[1:]}
        with Boundary(upstream, state=tmp_path, env=told) as boundary:
            assert systemd.recv(100) == b"READY=1"
            boundary.stop()
            assert systemd.recv(100) == b"STOPPING=1"


def test_sighup_leaves_the_policy_and_the_boundary_in_place(
    tmp_path: Path, upstream: Upstream
) -> None:
    """A reload that can't be done leaves the policy in force and the boundary up."""
    with Boundary(upstream, state=tmp_path) as boundary:
        before = _health(boundary)
        os.kill(boundary.pid, signal.SIGHUP)
        _until(lambda: "polic" in boundary.log.rpartition("clients ")[2])
        after = _health(boundary)
        assert (after.pid, after.policy_digest, after.ready) == (
            before.pid,
            before.policy_digest,
            True,
        )


@pytest.mark.parametrize("unit_file", UNITS, ids=lambda file: file.stem)
def test_the_systemd_unit_is_sound(unit_file: Path, tmp_path: Path) -> None:
    """It passes `systemd-analyze verify`, and its exposure is rated "OK" (below 2.5 of 10)."""
    analyze = shutil.which("systemd-analyze") or pytest.skip("no systemd-analyze")
    program = Path(sys.executable).with_name("helm-boundary")
    unit = tmp_path / unit_file.name
    text = unit_file.read_text()
    unit.write_text(text.replace("/opt/helm-boundary/bin/helm-boundary", str(program)))
    verified = subprocess.run(
        [analyze, "verify", str(unit)], capture_output=True, text=True, check=False, timeout=30
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=25", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert rated.returncode == 0, rated.stdout


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _ignoring(call: Callable[[str], object], url: str) -> None:
    try:
        call(url)
    except (OSError, http.client.HTTPException):
        return


def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
