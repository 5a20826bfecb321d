"""Two or four boundaries on one PostgreSQL behind HAProxy: all calls' receipts are in one log."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from helm_boundary.clients.free_ports import free_ports
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from support.fleet import LogService, command, fleet_boundary, fsck, keys_of, recomputed_root
from support.haproxy import haproxy
from support.postgresql import Server, migrated
from support.sampling import every
from support.upstream import Upstream

CALLS = 40
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}


@dataclass
class Fleet:
    """What ran, and what is left of it."""

    database: Address
    folders: list[Path]
    service: LogService
    seen: int
    statuses: list[int]
    vkey: str
    home: Path


@pytest.fixture(scope="module", params=every(2, [2, 4]), ids="{} boundaries".format)
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql: Server
) -> Iterator[Fleet]:
    """Run boundaries and a log service, call through the balancer, and stop the boundaries."""
    folder, database = tmp_path_factory.mktemp("fleet"), migrated(postgresql)
    names, healths = [f"b{number}" for number in range(request.param)], free_ports(request.param)
    with Upstream() as upstream, LogService(database, folder / "log") as service, ExitStack() as up:
        boundaries = [
            fleet_boundary(upstream, folder / name, database, behind(health))
            for name, health in zip(names, healths, strict=True)
        ]
        for each in boundaries:
            up.enter_context(each)
        ports = [each.port for each in boundaries]
        balancer = up.enter_context(haproxy(list(zip(ports, healths, strict=True))))
        balancer.sees(**dict.fromkeys(balancer.states(), "UP"))
        statuses = calls(balancer.port)
        for each in boundaries:
            each.stop()
        with connect(database) as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM helm_boundary.receipts"
            ).fetchone() or (0,)
            rows = connection.execute(
                "SELECT writer FROM helm_boundary.receipts GROUP BY writer HAVING count(*) > 4"
            ).fetchall()
        assert len(rows) == len(names), "not every boundary had calls"
        service.reaches(count)
        vkey = service.read("log.vkey").decode().strip()
        folders = [folder / name / "helm" for name in names]
        yield Fleet(database, folders, service, len(upstream.requests), statuses, vkey, folder)


def behind(health: int) -> dict[str, object]:
    """Return the options of a boundary behind the balancer."""
    return {"helm_health": f"127.0.0.1:{health}", "helm_proxy_protocol_from": "127.0.0.1"}


def calls(port: int) -> list[int]:
    """Make calls through the balancer at once, from many addresses; return their statuses."""

    def one(index: int) -> int:
        way = httpx.HTTPTransport(local_address=f"127.0.0.{2 + index}")
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=60, transport=way) as client:
            answer = client.post(
                "/v1/chat/completions", json=BODY, headers={"authorization": "Bearer k"}
            )
            return answer.status_code

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, range(CALLS)))


def test_every_call_went_through(fleet: Fleet) -> None:
    assert fleet.statuses == [200] * CALLS
    assert fleet.seen == CALLS


def test_the_database_verifies_with_the_keys_that_an_auditor_names(fleet: Fleet) -> None:
    result = fsck(
        fleet.database.text, *keys_of(fleet.folders), "--vkey", fleet.vkey, home=fleet.home
    )
    assert result["exit"] == 0, result
    assert result["calls"] == CALLS
    assert result["writers"] == len(fleet.folders)
    assert result["size"] == result["receipts"]


def test_a_key_that_the_auditor_does_not_name_is_refused(fleet: Fleet) -> None:
    one = keys_of(fleet.folders[:1])
    result = fsck(fleet.database.text, *one, "--vkey", fleet.vkey, home=fleet.home)
    assert result["exit"] == 1
    assert result["kind"] == "foreign-key"


def test_the_served_log_verifies_by_itself(fleet: Fleet) -> None:
    result = fsck(fleet.service.url, "--vkey", fleet.vkey, home=fleet.home)
    assert result["exit"] == 0, result
    assert result["size"] >= 2 * CALLS


def test_a_pulled_folder_verifies_with_nothing_but_the_receipts_package(
    fleet: Fleet, tmp_path: Path
) -> None:
    done = command("receipts", "pull", "--state", fleet.database.text, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    keys = keys_of(fleet.folders)
    checked = subprocess.run(
        [sys.executable, "-m", "helm_receipts", "fsck", str(tmp_path / "out"), *keys,
         "--vkey", fleet.vkey],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    again = command("receipts", "pull", "--state", fleet.database.text, tmp_path / "out")
    assert again.stdout.startswith("0 receipts")


def test_the_root_is_what_a_stranger_computes(fleet: Fleet, tmp_path: Path) -> None:
    command("receipts", "pull", "--state", fleet.database.text, tmp_path / "out")
    root = fsck(fleet.service.url, "--vkey", fleet.vkey)["root"]
    assert recomputed_root(tmp_path / "out") == root


def test_the_commands_read_the_database_as_they_read_a_folder(fleet: Fleet) -> None:
    state = ("--state", fleet.database.text)
    listed = command("receipts", "list", *state, "--limit", "0", home=fleet.home)
    assert listed.returncode == 0, listed.stderr
    lines = [line for line in listed.stdout.splitlines() if " outcome " in line]
    assert len(lines) == CALLS
    identity = lines[0].split()[1]
    shown = command("receipts", "show", *state, identity, home=fleet.home)
    assert "verified" in shown.stdout, shown.stderr
    verified = command("receipts", "verify", *state, *keys_of(fleet.folders), home=fleet.home)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    proof = command("receipts", "prove", *state, identity, home=fleet.home)
    assert proof.stdout.startswith("c2sp.org/tlog-proof@v1"), proof.stderr


def test_the_state_is_told(fleet: Fleet) -> None:
    done = command("state", "status", "--state", fleet.database.text)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "PostgreSQL" in done.stdout
    assert "lease log" in done.stdout


@pytest.mark.parametrize("path", ["tile/0/999", "tile/..%2fkeys.json", "x", "tile/9/000"])
def test_there_is_nothing_else_on_the_site(fleet: Fleet, path: str) -> None:
    assert httpx.get(f"{fleet.service.url}/{path}").status_code == 404


def test_the_site_takes_no_writes_and_says_how_long_things_keep(fleet: Fleet) -> None:
    url = fleet.service.url
    assert httpx.post(f"{url}/checkpoint").status_code == 405
    assert httpx.head(f"{url}/checkpoint").headers["cache-control"] == "public, max-age=1"
    width = fleet.service.size % 256
    tile = httpx.get(f"{url}/tile/0/000.p/{width}")
    assert "immutable" in tile.headers["cache-control"]
    assert len(tile.content) == 32 * width
