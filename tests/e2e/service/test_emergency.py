"""`helm-boundary observe`: in an emergency everything passes for a time, and that is known."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from helm_boundary.fleet.orders import FolderOrders
from helm_boundary.runtime.health import running_boundaries
from helm_boundary.runtime.observation import Observation
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.approvals import until
from support.boundary import Boundary
from support.realtime import RealtimeUpstream, says
from support.scene import PATIENT, Scene, scene
from support.scripted_policy import write_scripted_policy
from support.upstream import Upstream

WHY = "the policy of this morning denies everybody"


def observe(stage: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `helm-boundary observe` on a scene's state folder."""
    return subprocess.run(
        [sys.executable, "-m", "helm_boundary", "observe", "--state", str(stage.boundary.state),
         *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def mode(stage: Scene) -> str:
    """Return the mode that the boundary says it is in."""
    return next((health.mode for health in running_boundaries(stage.boundary.state)), "")


def events(stage: Scene) -> list[dict[str, object]]:
    """Return the events of policy receipts, by time."""
    records = read_records(Layout(stage.boundary.state).journal)
    found = [each.predicate for each in records if each.predicate["phase"] == "policy"]
    return [each["event"] for each in sorted(found, key=lambda each: str(each["decidedAt"]))]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """Start a boundary that denies the model `denied`."""
    with scene(tmp_path) as found:
        yield found


def test_an_emergency_begins_is_seen_and_ends_by_itself(stage: Scene) -> None:
    """What was denied passes, as observed, and is denied again afterwards, all with receipts."""
    assert stage.chat(model="denied").status == 403
    done = observe(stage, "--for", "12s", "--why", WHY)
    assert done.returncode == 0, done
    assert f": {WHY} (receipt " in done.stdout
    until(lambda: mode(stage) == "observe" or None)
    [health] = running_boundaries(stage.boundary.state)
    assert (health.observation["why"], health.ready) == (WHY, True)
    passed = stage.chat(model="denied")
    assert passed.status == 200
    request, _ = stage.records(passed.correlation)
    assert (request["verdict"], request["enforcement"]) == ("DENY", "observed")
    assert "nothing is enforced" in stage.boundary.log
    assert observe(stage).returncode == 0
    until(lambda: mode(stage) == "enforce" or None, 40)
    with stage.untouched():
        assert stage.chat(model="denied").status == 403
    assert observe(stage).returncode == 1
    kinds = [event["kind"] for event in events(stage)]
    assert kinds == ["observe", "observed", "enforced"]
    began = events(stage)[0]
    assert (began["why"], "(command line)" in str(began["by"])) == (WHY, True)
    assert "verdicts take effect again" in stage.boundary.log


def test_a_restart_neither_ends_nor_prolongs_an_emergency(stage: Scene) -> None:
    """It goes on until the time that was said; a boundary that starts later enforces."""
    assert observe(stage, "--for", "60s", "--why", WHY).returncode == 0
    stage.boundary.restart()
    until(lambda: mode(stage) == "observe" or None)
    assert stage.chat(model="denied").status == 200
    stage.boundary.stop()
    path = stage.boundary.state / "observe.json"
    said = json.loads(path.read_text())
    assert 0 < said["until"] - time.time() < 60
    past = time.time() - 100
    path.write_text(json.dumps({**said, "began": past, "until": past + 60}))
    stage.boundary.start()
    time.sleep(1)
    assert mode(stage) == "enforce"
    assert stage.chat(model="denied").status == 403


def test_a_person_ends_it_sooner(stage: Scene) -> None:
    """And it takes effect within a second or two."""
    assert observe(stage, "--for", "1h", "--why", WHY).returncode == 0
    until(lambda: mode(stage) == "observe" or None)
    assert observe(stage, "--end").returncode == 0
    until(lambda: mode(stage) == "enforce" or None)
    assert stage.chat(model="denied").status == 403
    assert observe(stage, "--end").returncode == 1
    # Two processes write them: the command's own and the boundary's, whichever is first.
    last = {"enforce", "enforced"}
    until(lambda: {event["kind"] for event in events(stage)[-2:]} == last or None)


def _talk(session: ClientConnection, ask: str) -> None:
    for _ in range(200):  # for longer than an end takes to be noticed
        session.send(ask)
        session.recv(timeout=20)
        time.sleep(0.1)


def test_a_session_of_the_emergency_ends_with_it(tmp_path: Path) -> None:
    """A WebSocket may last for hours: its client connects again, and is judged."""
    policy = write_scripted_policy(tmp_path / "policy")
    ask = json.dumps({"type": "response.create", "response": {"instructions": "hello"}})
    with RealtimeUpstream() as upstream:
        upstream.script = lambda _: says("hello")
        boundary = Boundary(
            state=tmp_path, mode=f"reverse:{upstream.url}", policy=policy, options=PATIENT
        )
        with boundary:
            stage = Scene(boundary, Upstream())
            address = f"{boundary.url.replace('http', 'ws')}/v1/realtime?model=ordinary"
            assert observe(stage, "--for", "1h", "--why", WHY).returncode == 0
            until(lambda: mode(stage) == "observe" or None)
            with connect(address) as session:
                assert "session.created" in str(session.recv(timeout=20))
                assert observe(stage, "--end").returncode == 0
                with pytest.raises(ConnectionClosed):
                    _talk(session, ask)
            assert mode(stage) == "enforce"
            with connect(address) as session:
                assert "session.created" in str(session.recv(timeout=20))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--for", "30m"),
        ("--why", WHY),
        ("--for", "25h", "--why", WHY),
        ("--for", "0m", "--why", WHY),
        ("--for", "soon", "--why", WHY),
        ("--for", "5m", "--why", "  "),
        ("--for", "5m", "--why", WHY, "--end"),
    ],
)
def test_an_emergency_has_an_end_and_a_reason(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Otherwise it is a usage error, and nothing changes."""
    done = subprocess.run(
        [sys.executable, "-m", "helm_boundary", "observe", "--state", str(tmp_path), *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert Observation.read(FolderOrders(tmp_path)) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"began": 0}',
     '{"began": 0, "until": 9e12, "by": "", "why": "", "receipt": ""}',
     '{"began": 9e9, "until": 9.00001e9, "by": "", "why": "", "receipt": ""}',
     '{"began": "0", "until": 9e12, "by": "", "why": "", "receipt": ""}'],
)  # fmt: skip
def test_what_isnt_an_emergency_counts_as_none(text: str, tmp_path: Path) -> None:
    """Cut off, from another clock, or longer than a day: verdicts take effect."""
    (tmp_path / "observe.json").write_text(text)
    assert Observation.read(FolderOrders(tmp_path)) is None
