"""Decision logs: OPA's shape, each at least once, whatever becomes of the other side or of us."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli import main
from helm_receipts.export.select import Selection, select
from helm_receipts.layout import Layout
from support.approvals import ask, body, until, write_policy
from support.boundary import Boundary
from support.engines import State
from support.receipts import record_calls
from support.upstream import Upstream

OPA = {
    "labels", "decision_id", "bundles", "path", "input", "result", "requested_by", "timestamp",
    "metrics", "erased", "masked", "nd_builtin_cache", "req_id", "trace_id", "span_id",
}  # fmt: skip
"""Members of an event that OPA's own documentation names."""


@dataclass(slots=True)
class Service:
    """A decision log service as OPA posts to it; `status` is what it answers."""

    port: int = 0
    status: int = 200
    events: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    refused: int = 0

    @property
    def ids(self) -> list[str]:
        return [event["decision_id"] for event in self.events]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/opa"


@contextmanager
def service(port: int = 0) -> Iterator[Service]:
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/opa/logs"
            assert self.headers["Content-Encoding"] == "gzip"
            found.tokens.append(self.headers["Authorization"])
            if found.status == 200:
                found.events += json.loads(gzip.decompress(raw))
            else:
                found.refused += 1
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            if found.status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    found.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def shipped(state: Path | State, where: str) -> Result:
    named = ["--state", str(state)] if isinstance(state, Path) else state.named
    command = ["decision-logs", *named, "--to", where, "--once"]
    return CliRunner().invoke(main, command, env={"HELM_DECISION_LOGS_TOKEN": "made-up"})


def receipt_ids(state: Path) -> set[str]:
    return {record.id for record in select(state / "journal", Selection())}


def test_a_boundary_ships_what_it_decides(shared_upstream: Upstream, tmp_path: Path) -> None:
    """In OPA's members, with the policy's digest and without content."""
    with service() as logs:
        options = {"helm_decision_logs": logs.url, "helm_policy": write_policy(tmp_path / "p")}
        with Boundary(shared_upstream, state=tmp_path, options=options) as boundary:
            answer = ask(boundary, body("the forbidden secret-word"))
            identity = answer.headers["x-helm-receipt-id"]
            until(lambda: identity in logs.ids or None)
        (event,) = [each for each in logs.events if each["decision_id"] == identity]
    assert set(event) <= OPA
    assert event["path"] == "helm/request"
    assert event["result"]["verdict"] == "DENY"
    assert event["result"]["reasons"][0]["rule"] == "deny.never"
    (bundle,) = event["bundles"].values()
    assert bundle["revision"] == answer.helm["policy_digest"]
    assert event["input"]["operation"] == "createChatCompletion"
    assert "/input/messages" in event["erased"]
    assert "secret-word" not in json.dumps(logs.events)
    assert "key-of-ada" not in json.dumps(logs.events)


def test_each_arrives_once_the_other_side_is_back(any_state: State) -> None:
    """Nothing while it refuses; everything afterwards, and nothing twice that was taken."""
    record_calls(calls=40, **any_state.recorded)
    with service() as logs:
        for status in (500, 403, 302):
            logs.status = status
            done = shipped(any_state, logs.url)
            assert done.exit_code == 1
            assert f"answered {status}" in done.output
            assert "/opa" not in done.output  # an address may hold a secret
        assert logs.events == []
        logs.status = 200
        assert shipped(any_state, logs.url).exit_code == 0
        assert sorted(logs.ids) == sorted(receipt_ids(any_state.folder()))
        assert shipped(any_state, logs.url).exit_code == 0
        assert len(logs.ids) == 82 + any_state.registrations
        record_calls(calls=2, **any_state.recorded)
        assert shipped(any_state, logs.url).exit_code == 0
        assert sorted(logs.ids) == sorted(receipt_ids(any_state.folder()))
        assert set(logs.tokens) == {"Bearer made-up"}
    assert shipped(any_state, logs.url).exit_code == 0  # there is nothing to ship
    record_calls(calls=1, **any_state.recorded)
    done = shipped(any_state, logs.url)
    assert done.exit_code == 1
    assert "can't be reached" in done.output


def test_a_token_goes_nowhere_in_the_clear(tmp_path: Path) -> None:
    """Over https, or to this machine; else nothing is sent at all."""
    record_calls(tmp_path, 1)
    done = shipped(tmp_path, "http://192.0.2.1/opa")
    assert done.exit_code == 1
    assert "a token goes over https" in done.output


def test_nothing_is_lost_when_either_side_is_killed(
    shared_upstream: Upstream, tmp_path: Path
) -> None:
    """The service is down while calls are made; the boundary is killed; both come back."""
    with service() as logs:
        port = logs.port
    options = {"helm_decision_logs": f"http://127.0.0.1:{port}/opa"}
    boundary = Boundary(shared_upstream, state=tmp_path, options=options)
    boundary.start()
    for _ in range(3):
        assert ask(boundary, body("hello")).status == 200
    boundary.kill()
    with service(port) as logs:
        boundary.start()
        try:
            assert ask(boundary, body("hello")).status == 200
            until(lambda: receipt_ids(boundary.state) <= set(logs.ids) or None, 30)
        finally:
            boundary.stop()
    assert len([e for e in logs.events if e["path"] == "helm/outcome"]) >= 4


def test_many_receipts_are_shipped_in_batches(any_state: State, tmp_path: Path) -> None:
    """Over segments, in order."""
    record_calls(calls=700, segment_bytes=200_000, **any_state.recorded)
    target = tmp_path / "logs.jsonl"
    assert shipped(any_state, str(target)).exit_code == 0
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line["decision_id"] for line in lines] == sorted(receipt_ids(any_state.folder()))
    assert (target.stat().st_mode & 0o777) == 0o600


def test_only_what_is_durable_is_shipped(tmp_path: Path) -> None:
    """A line behind the mark may never have been acknowledged."""
    record_calls(tmp_path, 2)
    writer = next(Layout(tmp_path).journal.iterdir())
    segment = next(writer.glob("*.jsonl"))
    number, size = (writer / "durable").read_text().split()
    with segment.open("ab") as file:
        file.write(segment.read_bytes().split(b"\n")[0] + b"\n")
    target = tmp_path / "logs.jsonl"
    assert shipped(tmp_path, str(target)).exit_code == 0
    assert len(target.read_text().splitlines()) == 6
    assert (int(number), int(size)) == (1, int(size))


@pytest.mark.parametrize("over_tcp", [False, True])
def test_syslog_gets_a_message_each(tmp_path: Path, over_tcp: bool) -> None:
    """RFC 5424, by UDP or by TCP with octet counts."""
    record_calls(tmp_path, 2)
    kind = socket.SOCK_STREAM if over_tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        if over_tcp:
            server.listen()
        scheme = "syslog+tcp" if over_tcp else "syslog"
        where = f"{scheme}://127.0.0.1:{server.getsockname()[1]}"
        assert shipped(tmp_path, where).exit_code == 0
        messages = list(_received(server, over_tcp))
    assert len(messages) == 6
    head, _, text = messages[1].partition(" - {")
    assert head.startswith("<134>1 2")
    assert " helm-boundary - " in head
    assert json.loads("{" + text)["result"]["verdict"] == "ALLOW"


def _received(server: socket.socket, over_tcp: bool) -> Iterator[str]:
    if not over_tcp:
        for _ in range(6):
            yield server.recv(65536).decode()
        return
    connection, _ = server.accept()
    data = b""
    while part := connection.recv(65536):
        data += part
    connection.close()
    while data:
        count, _, rest = data.partition(b" ")
        yield rest[: int(count)].decode()
        data = rest[int(count) :]


@pytest.mark.parametrize("form", ["json", "decision-log", "text"])
def test_receipts_are_followed_as_lines(tmp_path: Path, form: str) -> None:
    """Each as it comes, for whatever reads lines."""
    record_calls(tmp_path, 1)
    command = [sys.executable, "-m", "helm_boundary", "receipts", "follow", "--state"]
    process = subprocess.Popen(
        [*command, str(tmp_path), "--format", form, "--from-start"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        record_calls(tmp_path, 1)
        lines += [process.stdout.readline() for _ in range(4)]
    finally:
        process.kill()
        process.wait(10)
    if form == "text":
        assert "createChatCompletion" in lines[1]
        return
    name = "id" if form == "json" else "decision_id"
    assert {json.loads(line)[name] for line in lines} == receipt_ids(tmp_path)


def test_two_ship_to_one_place_once(tmp_path: Path) -> None:
    """Whoever is second waits: the cursor is one process's at a time."""
    record_calls(tmp_path, 3)
    target = tmp_path / "logs.jsonl"
    command = [sys.executable, "-m", "helm_boundary", "decision-logs", "--state", str(tmp_path)]
    processes = [
        subprocess.Popen([*command, "--to", str(target)], stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    try:
        until(lambda: target.exists() or None)
        time.sleep(1)
        assert len(target.read_text().splitlines()) == 8
        assert shipped(tmp_path, str(target)).exit_code == 1
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(10) for process in processes] == [0, 0]
