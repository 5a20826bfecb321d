"""A call waits for a person while its fleet's database goes away: nothing passes unrecorded."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from support.approvals import Asking, ask, body, until, write_policy
from support.boundary import Boundary
from support.engines import check
from support.fleet import command, fleet_boundary
from support.postgresql import Server, migrated, running_server
from support.short_folders import short_folder
from support.table_state import TableState
from support.upstream import Upstream


@dataclass
class Scene:
    """A boundary that holds calls, its database, which a test may stop, and its upstream."""

    boundary: Boundary
    server: Server
    database: Address
    upstream: Upstream
    home: Path

    def question(self) -> str:
        """Return the one question, once it is asked."""
        return until(lambda: next(iter(self.statuses()), None))

    def statuses(self) -> dict[str, str]:
        """Return what has become of each question, by the rows alone."""
        with connect(self.database) as connection:
            found = connection.execute("SELECT name, content FROM helm_boundary.approvals")
            rows: dict[str, str] = dict(found.fetchall())
        names = [name.removesuffix(".request") for name in rows if name.endswith(".request")]
        decided = {name: json.loads(rows.get(f"{name}.decision", "{}")) for name in names}
        return {name: said.get("decision", "pending") for name, said in decided.items()}

    def approve(self, identity: str) -> None:
        """Approve as a person on another machine does."""
        state = ("--state", self.database.text)
        done = command("approvals", "approve", "--yes", identity, *state, home=self.home)
        assert done.returncode == 0, done.stderr

    def finish(self) -> list[dict[str, Any]]:
        """Stop the boundary, verify all there is, and return what its receipts say."""
        assert self.boundary.stop() == 0, self.boundary.log[-2000:]
        state = TableState(self.home / "one" / "helm", self.database)
        report = check(state.folder())
        assert report.is_complete, report
        return state.new_predicates()


@contextlib.contextmanager
def scene(folder: Path, hold_seconds: int) -> Iterator[Scene]:
    """Run a boundary that holds calls for so long, on a server of its own."""
    options = {
        "helm_on_escalate": "hold",
        "helm_hold_seconds": hold_seconds,
        "helm_state_deadline_ms": 500,
    }
    with running_server(short_folder()) as server, Upstream() as upstream:
        database = migrated(server)
        policy = write_policy(folder / "policy")
        with fleet_boundary(upstream, folder / "one", database, options, policy=policy) as boundary:
            yield Scene(boundary, server, database, upstream, folder)


def kinds(receipts: list[dict[str, Any]]) -> list[str]:
    """Return what happened to the question, in time."""
    return [each["event"]["kind"] for each in receipts if each["phase"] == "approval"]


def outcome(receipts: list[dict[str, Any]], flow: str) -> tuple[str, str, list[str]]:
    """Return verdict, end and reason codes of a call."""
    (found,) = [e for e in receipts if e["phase"] == "outcome" and e["flow"]["id"] == flow]
    codes = [reason["code"] for reason in found["reasons"]]
    return found["verdict"], found["outcome"]["end"], codes


def held_flow(receipts: list[dict[str, Any]]) -> str:
    """Return the flow that waited."""
    (found,) = {each["flow"]["id"] for each in receipts if each["phase"] == "approval"}
    return str(found)


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "another call is denied meanwhile"])
@pytest.mark.usefixtures("missing_postgresql")
def test_a_yes_counts_when_the_database_is_back_in_time(tmp_path: Path, others: int) -> None:
    """The call that waited passes once a person approves, whoever else was denied meanwhile."""
    with scene(tmp_path, hold_seconds=60) as held:
        asking = Asking(held.boundary, body())
        identity = held.question()
        held.server.kill()
        time.sleep(1)
        for _ in range(others):
            denied = ask(held.boundary, body("hello"))
            assert (denied.status, denied.codes) == (403, ["RECEIPT_UNAVAILABLE"])
        assert held.upstream.requests == []
        held.server.start()
        held.approve(identity)
        answer = asking.result(30)
        assert answer.status == 200, answer.body
        assert len(held.upstream.requests) == 1
        receipts = held.finish()
        assert sorted(kinds(receipts)) == ["granted", "requested", "used"]
        assert outcome(receipts, held_flow(receipts))[:2] == ("ALLOW", "complete")


@pytest.mark.usefixtures("missing_postgresql")
def test_silence_is_a_no_while_the_database_is_away(tmp_path: Path) -> None:
    """Denied when the time is over; later the question is closed and its outcome says why."""
    with scene(tmp_path, hold_seconds=8) as held:
        began = time.monotonic()
        asking = Asking(held.boundary, body())
        identity = held.question()
        held.server.kill()
        answer = asking.result(20)
        assert (answer.status, answer.codes) == (403, ["RECEIPT_UNAVAILABLE"])
        assert time.monotonic() - began < 13
        held.server.start()
        until(lambda: held.statuses() == {identity: "expired"} or None)
        assert held.upstream.requests == []
        receipts = held.finish()
        assert kinds(receipts) == ["requested", "expired"]
        told = outcome(receipts, held_flow(receipts))
        assert told == ("DENY", "denied", ["APPROVAL_TIMEOUT"])


@pytest.mark.parametrize("away", [1, 7], ids=["just now", "for longer than what is known counts"])
@pytest.mark.usefixtures("missing_postgresql")
def test_a_client_that_left_while_the_database_was_away_withdraws(
    tmp_path: Path, away: float
) -> None:
    """Nobody can approve any more what nobody waits for, once the database is back."""
    with scene(tmp_path, hold_seconds=60) as held:
        client = hung_up_later(held.boundary)
        identity = held.question()
        held.server.kill()
        time.sleep(away)
        client.close()
        time.sleep(1)
        held.server.start()
        until(lambda: held.statuses() == {identity: "withdrawn"} or None)
        assert held.upstream.requests == []
        receipts = held.finish()
        assert kinds(receipts) == ["requested", "withdrawn"]
        told = outcome(receipts, held_flow(receipts))
        assert told == ("DENY", "client_gone", ["CONTEXT_MISMATCH"])


def hung_up_later(boundary: Boundary) -> socket.socket:
    """Ask, and return the connection, for a test to close."""
    connection = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer key-of-ada"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body()), headers)
    assert connection.sock is not None
    return connection.sock
