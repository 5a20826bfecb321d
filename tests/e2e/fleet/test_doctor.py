"""`doctor` on a fleet that runs: two boundaries, a log service, one database."""

from __future__ import annotations

import json
from pathlib import Path

from helm_receipts.database.address import Address
from support.approvals import until
from support.fleet import LogService, command, fleet_boundary
from support.scene import Scene
from support.upstream import Upstream

MESSAGES = [{"role": "user", "content": "hello"}]
AUTHORITY = "all boundaries have one authority"


def test_doctor_sees_a_fleet(tmp_path: Path, database: Address) -> None:
    """All is well but that each boundary made an authority of its own."""
    with (
        Upstream() as upstream,
        LogService(database, tmp_path / "log"),
        fleet_boundary(upstream, tmp_path / "one", database) as one,
        fleet_boundary(upstream, tmp_path / "two", database) as two,
    ):
        for each in (one, two):
            answer = Scene(each, upstream).chat(model="gpt-4o-mini", messages=MESSAGES)
            assert answer.status == 200
        found = until(lambda: looked(database, tmp_path))
    bad = {name for name, each in found.items() if each["answer"] != "yes"}
    assert bad == {AUTHORITY}, found
    assert found["boundaries were seen lately"]["found"].startswith("2: ")


def looked(database: Address, home: Path) -> dict[str, dict[str, str]] | None:
    """Run the command; return its findings once it sees both boundaries."""
    done = command("doctor", "--json", "--state", database.text, home=home)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    found = {each["looked_at"]: each for each in said}
    assert done.returncode in (0, 1), done.stderr
    print(command("doctor", "--state", database.text, home=home).stdout)
    return found if AUTHORITY in found and found[AUTHORITY]["answer"] == "no" else None
