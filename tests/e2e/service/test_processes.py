"""`helm-boundary run --processes`: several boundaries on one port, one state folder."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope.key_files import load
from helm_receipts.layout import Layout
from support.approvals import until
from support.boundary import StartFailed
from support.processes import Processes, gone
from support.upstream import DONE, Pause, Reply, Upstream, event


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Start one upstream for all."""
    with Upstream() as server:
        yield server


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Processes]:
    """Start two processes, once; what a test ends is started again by itself."""
    with Processes(upstream, state=tmp_path_factory.mktemp("two")) as processes:
        yield processes


def test_both_take_connections_and_one_state_has_their_receipts(two: Processes) -> None:
    """Each is a writer of its own; the log's lines say whose they are."""
    writers = {two.writer() for _ in range(40)}
    assert len(writers) == 2, writers
    assert len(two.ready) == 2
    assert "[1] " in two.log
    assert "[2] " in two.log
    assert "(receipt" in two.log


def test_a_killed_process_is_replaced_and_calls_go_on(two: Processes, upstream: Upstream) -> None:
    """Its connections are lost, the port isn't; whoever asks again is answered."""
    before = two.pids
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    statuses = [_asked_again(two) for _ in range(20)]
    assert set(statuses) == {200}
    until(lambda: (len(two.pids) == 2 and victim not in two.pids) or None, 60)
    assert f"(pid {victim}) was ended by SIGKILL; started again in 0.1 s" in two.log
    assert len(before & two.pids) == 1
    assert {two.writer() for _ in range(40)} != set()


def test_a_call_of_a_killed_process_gets_its_outcome_from_the_next(
    two: Processes, upstream: Upstream
) -> None:
    """The client sees a broken connection; the journal says so, and verifies."""
    upstream.answer(lambda _: Reply.events(event({"choices": []}), Pause(60), DONE))
    broken = threading.Thread(target=lambda: _ignoring(two, stream=True))
    broken.start()
    serving = until(lambda: next((h for h in two.ready if h.open_calls == 1), None))
    os.kill(serving.pid, signal.SIGKILL)
    broken.join(20)
    assert not broken.is_alive()
    upstream.answer(lambda _: None)
    until(lambda: (len(two.pids) == 2 and serving.pid not in two.pids) or None, 60)
    layout = Layout(two.state)
    keys = [load(layout.keys / "receipt.pem", "receipt").public]
    until(lambda: verify_journal(layout.journal, keys).open_calls == 0 or None)


def test_a_reload_reaches_all(two: Processes) -> None:
    """Each reads the policy again, and says so in its own lines."""
    seen = len(two.log)
    two.send(signal.SIGHUP)
    until(lambda: {"[1] ", "[2] "} <= {line[:4] for line in two.log[seen:].splitlines()} or None)
    assert "polic" in two.log[seen:]
    assert len(two.ready) == 2


def test_a_port_that_is_in_use_ends_all_with_the_reason(
    two: Processes, upstream: Upstream, tmp_path: Path
) -> None:
    """Also where it is of processes like these, which others of the user could join."""
    with pytest.raises(StartFailed) as caught:
        Processes(upstream, state=tmp_path, port=two.port).start()
    assert caught.value.exit_code == 1
    assert "address already in use" in caught.value.log
    assert "process 1 can't start (exit code 1), so all end" in caught.value.log


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("--set", "helm_mode=perhaps"), "helm_mode: 'perhaps' is none of enforce, observe"),
        (("--web",), "--web shows the flows of one process"),
        (("--mode", "dns@0"), "datagrams can't be shared by several processes"),
    ],
)
def test_a_start_that_cannot_work_ends_all_with_its_reason(
    args: tuple[str, ...], named: str, upstream: Upstream, tmp_path: Path
) -> None:
    """The reason is said once, not by each, and not again and again."""
    with pytest.raises(StartFailed) as caught:
        Processes(upstream, state=tmp_path, args=args).start()
    assert caught.value.exit_code in (1, 2)
    assert caught.value.log.count(named) == 1, caught.value.log
    assert "[2]" not in caught.value.log


def test_a_stop_drains_all_and_systemd_hears_of_it_once(upstream: Upstream, tmp_path: Path) -> None:
    """READY=1 when all are ready; SIGTERM lets a stream in the middle end; exit code 0."""
    upstream.answer(lambda _: Reply.events(event({"choices": []}), Pause(1.5), DONE))
    name = f"\0helm-boundary-test-{os.getpid()}-{upstream.port}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(60)
        systemd.bind(name)
        told = {"NOTIFY_SOCKET": "@" + name[1:]}
        with Processes(upstream, state=tmp_path, env=told) as processes:
            assert systemd.recv(100) == b"READY=1"
            assert len(processes.ready) == 2
            got: list[bytes] = []
            calls = [
                threading.Thread(target=lambda: got.append(processes.chat(stream=True).body))
                for _ in range(4)
            ]
            for call in calls:
                call.start()
            until(lambda: sum(h.open_calls for h in processes.ready) == 4 or None)
            pids = processes.pids
            assert processes.stop() == 0
            for call in calls:
                call.join(20)
            assert [body.endswith(DONE) for body in got] == [True] * 4
            gone(pids)
            assert systemd.recv(100) == b"STOPPING=1"
            systemd.setblocking(False)
            with pytest.raises(BlockingIOError):
                systemd.recv(100)
    upstream.answer(lambda _: None)
    layout = Layout(processes.state)
    report = verify_journal(layout.journal, [load(layout.keys / "receipt.pem", "receipt").public])
    assert (report.open_calls, report.running) == (0, 0)


def test_processes_end_with_a_supervisor_that_is_killed(upstream: Upstream, tmp_path: Path) -> None:
    """Nobody is left behind on the port, and the next start finds it free."""
    with Processes(upstream, state=tmp_path) as processes:
        pids = processes.pids
        processes.send(signal.SIGKILL)
        processes.wait()
        gone(pids)
        processes.start()
        assert processes.chat().status == 200
        processes.send(signal.SIGINT)
        assert processes.wait() == 0


def test_a_process_that_can_no_longer_start_is_tried_again_with_longer_pauses(
    upstream: Upstream, tmp_path: Path
) -> None:
    """The others go on; where none is left, all end, so that whoever started them knows."""
    with Processes(upstream, state=tmp_path) as processes:
        policy = tmp_path / "policy"
        policy.rename(tmp_path / "elsewhere")
        first, second = sorted(processes.pids)
        os.kill(first, signal.SIGKILL)
        until(lambda: "started again in 0.4 s" in processes.log or None, 90)
        assert processes.pids == {second}
        assert _asked_again(processes) == 200
        os.kill(second, signal.SIGKILL)
        assert processes.wait(180) == 2  # what the process itself ended with
        assert "no other is up, so all end" in processes.log


def _asked_again(processes: Processes) -> int:
    """Ask as clients do: a connection that breaks before its answer is tried once more."""
    for _ in range(3):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return processes.chat().status
        time.sleep(0.05)
    return 0


def _ignoring(processes: Processes, **changes: object) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        processes.chat(**changes)
