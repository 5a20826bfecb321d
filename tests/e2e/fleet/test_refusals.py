"""A database that can't be relied upon: calls are denied, or the boundary doesn't start."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.database.migrations import migrate
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from support.boundary import Boundary, StartFailed
from support.engines import check
from support.fleet import command, fleet_boundary
from support.postgresql import Server, running_server
from support.short_folders import short_folder
from support.table_state import TableState
from support.upstream import Upstream

pytestmark = pytest.mark.slow
"""Each of these takes seconds; what most of them show, quicker tests show too."""

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}


def chat(boundary: Boundary) -> httpx.Response:
    with httpx.Client(base_url=boundary.url, timeout=60) as client:
        return client.post("/v1/chat/completions", json=BODY, headers={"authorization": "Bearer k"})


@pytest.fixture
def server(missing_postgresql: None) -> Iterator[Server]:
    with running_server(short_folder()) as running:
        yield running


def test_calls_are_denied_while_the_database_is_away(tmp_path: Path, server: Server) -> None:
    """Within the deadline at first, at once after that; and pass again when it is back."""
    address = server.address(server.create_database())
    with connect(address) as connection:
        migrate(connection)
    with (
        Upstream() as upstream,
        fleet_boundary(upstream, tmp_path / "one", address, {"helm_state_deadline_ms": 500}) as one,
    ):
        assert chat(one).status_code == 200
        server.kill()
        for _ in range(3):
            denied = chat(one)
            assert denied.status_code == 403
            assert denied.json()["error"]["code"] == "RECEIPT_UNAVAILABLE"
        begun = time.monotonic()
        chat(one)
        assert time.monotonic() - begun < 3
        assert len(upstream.requests) == 1
        server.start()
        until = time.monotonic() + 30
        while chat(one).status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.2)
    state = TableState(tmp_path / "one" / "helm", address)
    assert check(state.folder()).is_complete


def test_witnesses_of_a_folders_log_are_not_started_beside_a_database(
    tmp_path: Path, database: Address
) -> None:
    option = {"helm_timestamp": "https://127.0.0.1:1"}
    with Upstream() as upstream, pytest.raises(StartFailed, match="helm-boundary log serve"):
        fleet_boundary(upstream, tmp_path / "one", database, option).start()


def test_a_boundarys_key_is_made_before_its_first_start(tmp_path: Path, database: Address) -> None:
    """Of the type that was asked for; what it signs is registered, and verifies."""
    folder = tmp_path / "one" / "helm"
    folder.parent.mkdir()
    named = ("--state", database.text, "--folder", str(folder))
    done = command("keys", "init", "--type", "p256", *named)
    assert done.returncode == 0, done
    assert command("keys", "init", "--type", "ed25519", *named).returncode == 2
    state = TableState(folder, database)
    state.open().close()
    (key,) = read_published(Layout(state.folder())).receipt
    assert key.key.type == "p256"
    assert check(state.folder()).is_complete


def test_a_database_that_was_not_migrated_is_no_start(
    tmp_path: Path, empty_database: Address
) -> None:
    with Upstream() as upstream, pytest.raises(StartFailed, match="state migrate"):
        fleet_boundary(upstream, tmp_path / "one", empty_database).start()


def test_a_database_that_is_not_there_is_no_start_and_its_password_is_not_told(
    tmp_path: Path, missing_postgresql: None
) -> None:
    nowhere = Address("postgresql://ada:geheim@127.0.0.1:1/db")
    with Upstream() as upstream, pytest.raises(StartFailed) as found:
        fleet_boundary(upstream, tmp_path / "one", nowhere).start()
    assert "postgresql://ada@127.0.0.1:1/db" in found.value.log
    assert "geheim" not in found.value.log


def test_migrate_and_status_say_how_it_is(tmp_path: Path, empty_database: Address) -> None:
    before = command("state", "status", "--state", empty_database.text)
    assert before.returncode == 1
    assert "state migrate" in before.stdout
    done = command("state", "migrate", "--state", empty_database.text)
    assert done.returncode == 0, done.stderr
    assert "applied 0001_receipts" in done.stdout
    again = command("state", "migrate", "--state", empty_database.text)
    assert again.stdout == "nothing to apply\n"
    assert command("state", "status", "--state", empty_database.text).returncode == 0


def test_a_folder_needs_no_migration(tmp_path: Path) -> None:
    done = command("state", "migrate", "--state", tmp_path)
    assert done.returncode == 2
    assert "a folder needs no such command" in done.stderr
