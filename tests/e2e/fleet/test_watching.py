"""Two boundaries on one database, watched and led from there: page, metrics, logs, emergencies."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.database.address import Address
from helm_receipts.layout import Layout
from support.approvals import until
from support.boundary import Boundary
from support.browser import chromium, missing
from support.collector import Collector, attributes, collector
from support.fleet import command, fleet_boundary
from support.postgresql import Server, migrated
from support.scene import Scene
from support.table_state import TableState
from support.upstream import Upstream
from support.watching import Visitor, address_in

RULE = """package helm.rules.morning

deny contains {"code": "POLICY_VIOLATION", "rule": "morning.NAME", "finality": "class_forbidden",
\t"message": "not this morning"} if {
\tinput.phase == "request"
\tsome message in input.messages
\tmessage.text == "NAME"
}
"""
WHY = "the policy of this morning denies everybody"
_PATIENCE = 120
_OUTCOMES = 'helm_boundary_receipts_total{kind="outcome"}'


@dataclass
class Fleet:
    """What runs: both boundaries with one policy, and a person beside them."""

    database: Address
    folder: Path
    upstream: Upstream
    boundaries: list[Boundary]
    collector: Collector

    @property
    def policy(self) -> Path:
        """The file with the rule that all follow."""
        return self.folder / "rules" / "morning.rego"

    @property
    def state(self) -> SharedState:
        """The state as a person sees it who has a folder of his own."""
        return SharedState(Layout(self.folder / "person"), self.database)

    def said(self, text: str) -> list[int]:
        """Say something through each boundary; returns their statuses."""
        messages = [{"role": "user", "content": text}]
        return [
            Scene(each, self.upstream).chat(model="gpt-4o-mini", messages=messages).status
            for each in self.boundaries
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the database."""
        named = ["--state", self.database.text, "--folder", str(self.folder / "person")]
        return command(*arguments, *named)

    def digests(self) -> set[str]:
        """Return the policies in force."""
        return {each.policy_digest for each in self.state.boundaries().values()}

    def modes(self) -> set[str]:
        """Return the modes that boundaries say they are in."""
        return {each.mode for each in self.state.boundaries().values()}

    def events(self) -> list[dict[str, Any]]:
        """Return what receipts say of the policy, of every writer."""
        found = TableState(self.folder / "person", self.database).new_predicates()
        chosen = [each for each in found if each["phase"] == "policy"]
        return [each["event"] for each in sorted(chosen, key=lambda one: str(one["decidedAt"]))]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, postgresql: Server) -> Iterator[Fleet]:
    """Run two boundaries; the first has what watches all of them beside it."""
    folder, database = tmp_path_factory.mktemp("fleet"), migrated(postgresql)
    watched = {
        "helm_page": "127.0.0.1:0",
        "helm_metrics": "127.0.0.1:0",
        "helm_decision_logs": folder / "decisions.jsonl",
    }
    (folder / "rules").mkdir()
    with Upstream() as upstream, collector() as exported:
        found = Fleet(database, folder, upstream, [], exported)
        found.policy.write_text(RULE.replace("NAME", "first"))
        for name, options in (
            ("one", watched),
            ("two", {"helm_decision_logs": watched["helm_decision_logs"], "helm_telemetry": True}),
        ):
            boundary = fleet_boundary(
                upstream, folder / name, database, {"helm_state_deadline_ms": 20_000, **options},
                policy=folder / "rules", start_seconds=_PATIENCE, env=exported.environment,
            )  # fmt: skip
            boundary.start()
            found.boundaries.append(boundary)
        yield found
        for each in found.boundaries:
            each.stop()


def _listens(fleet: Fleet, name: str) -> str:
    lines = (line.split() for line in fleet.boundaries[0].log.splitlines())
    return next((line[-1] for line in lines if line[:1] == [name] and "http" in line[-1]), "")


def test_who_runs_what_is_told(fleet: Fleet) -> None:
    """Each boundary with its policy, its writer, and when it was seen last."""
    assert fleet.said("hello") == [200, 200]
    until(lambda: len(fleet.state.boundaries()) == 2 or None, _PATIENCE)
    done = command("state", "status", "--json", "--state", fleet.database.text)
    told = json.loads(done.stdout)["boundaries"]
    assert {each["policy_digest"] for each in told} == fleet.digests()
    assert len({each["writer"] for each in told}) == 2
    assert all(0 <= each["seen_seconds_ago"] < 30 for each in told)
    assert {int(each["boundary"].rpartition(":")[2]) for each in told} == {
        each.pid for each in fleet.boundaries
    }
    shown = command("state", "status", "--state", fleet.database.text).stdout
    assert all(f"writer {each['writer']}, seen " in shown for each in told)
    assert "2 different ones: clients trust one" in shown  # each has made its own here


def test_the_page_shows_whose_each_receipt_is(fleet: Fleet) -> None:
    """The receipts of both, and those of one by a filter."""
    address = until(lambda: _listens(fleet, "page") or None, _PATIENCE)
    visitor = address_in(address).signed_in()
    boundaries = until(lambda: _two(visitor.get("/api/boundaries")["boundaries"]), _PATIENCE)
    assert visitor.get("/api/boundaries")["isFleet"] is True
    assert fleet.said("hello") == [200, 200]
    for each in boundaries:
        row = _receipt_of(visitor, each["writer"])
        story = visitor.get(f"/api/story/{row['id']}")
        assert [one["phase"] for one in story["receipts"]] == ["request", "outcome"]
    assert {each["writer"] for each in boundaries} <= set(visitor.get("/api/choices")["writer"])
    assert visitor.get("/api/approvals") == {"waiting": []}
    if missing() is None:
        with chromium(fleet.folder) as browser:
            browser.open(address)
            browser.see("Boundary", *(each["name"] for each in boundaries))


def _receipt_of(visitor: Visitor, writer: str) -> dict[str, Any]:
    wanted = f"/api/receipts?phase=outcome&writer={writer}"
    rows = until(lambda: visitor.get(wanted)["receipts"] or None, _PATIENCE)
    assert {row["writer"] for row in rows} == {writer}
    found: dict[str, Any] = rows[0]
    return found


def _two(found: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    return found if len(found) == 2 else None


def test_metrics_are_the_sums_of_all(fleet: Fleet) -> None:
    """Receipts of both are counted, and the boundaries that run, wherever that is."""
    url = until(lambda: _listens(fleet, "metrics") or None, _PATIENCE)

    def text() -> str:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())

    before = _value(text(), _OUTCOMES)
    assert fleet.said("hello") == [200, 200]
    until(lambda: _value(text(), _OUTCOMES) >= before + 2 or None, _PATIENCE)
    assert _value(text(), 'helm_boundary_boundaries{mode="enforce",version=') == 2


def _value(text: str, name: str) -> float:
    lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith(name))
    return next((float(value) for *_, value in lines), 0.0)


def test_telemetry_is_each_boundarys_own(fleet: Fleet) -> None:
    """Its calls alone, with the names that its own policy writes as labels."""
    before = len(fleet.collector.spans)
    assert fleet.said("hello") == [200, 200]
    name = "gen_ai.client.operation.duration"
    until(lambda: name in fleet.collector.metrics or None, _PATIENCE)
    until(lambda: len(fleet.collector.spans) >= before + 3 or None, _PATIENCE)
    points = fleet.collector.metrics[name].histogram.data_points
    assert {attributes(point)["gen_ai.request.model"] for point in points} == {"gpt-4*"}
    told = {attributes(each).get("helm.receipt_id") for each in fleet.collector.spans} - {None}
    (own,) = {str(receipt).rpartition("-")[0] for receipt in told}
    state = TableState(fleet.folder / "person", fleet.database)
    writers = {each["sequence"]["writer"] for each in state.new_predicates()}
    assert own in writers
    assert len(writers) >= 2


def test_decision_logs_are_shipped_by_one_of_them(fleet: Fleet) -> None:
    """Both are told to; each receipt is there once."""
    assert fleet.said("hello") == [200, 200]
    state = TableState(fleet.folder / "person", fleet.database)
    numbers = [each["sequence"] for each in state.new_predicates()]
    wanted = {f"{each['writer']}-{each['number']:06d}" for each in numbers}
    file = fleet.folder / "decisions.jsonl"
    until(lambda: (file.exists() and wanted <= set(_decisions(file))) or None, _PATIENCE)
    shipped = _decisions(file)
    assert len(shipped) == len(set(shipped))


def _decisions(file: Path) -> list[str]:
    return [str(json.loads(line)["decision_id"]) for line in file.read_text().splitlines()]


def test_an_emergency_is_one_for_all_and_ends(fleet: Fleet) -> None:
    """Both observe and enforce again, each with receipts; nothing refused reaches the upstream."""
    assert fleet.said("first") == [403, 403]
    done = fleet.run("observe", "--for", "10m", "--why", WHY)
    assert done.returncode == 0, done
    until(lambda: fleet.said("first") == [200, 200] or None, _PATIENCE)
    until(lambda: fleet.modes() == {"observe"} or None, _PATIENCE)
    assert fleet.run("observe", "--end").returncode == 0
    until(lambda: fleet.said("first") == [403, 403] or None, _PATIENCE)
    seen = len(fleet.upstream.requests)
    assert fleet.said("first") == [403, 403]
    assert len(fleet.upstream.requests) == seen
    kinds = [str(each["kind"]) for each in fleet.events()]
    assert sorted(kinds) == sorted(["observe", *["observed"] * 2, "enforce", *["enforced"] * 2])
    assert fleet.run("observe").returncode == 1
    folder = command("observe", "--for", "5m", "--why", WHY, "--state", fleet.boundaries[0].state)
    assert folder.returncode == 2
    assert "name that with --state" in folder.stderr


def test_a_rollback_is_one_for_all(fleet: Fleet) -> None:
    """From what the database keeps, also on a boundary that never had that policy."""
    (first,) = until(lambda: fleet.digests() if len(fleet.digests()) == 1 else None, _PATIENCE)
    fleet.policy.write_text(RULE.replace("NAME", "second"))
    until(lambda: first not in fleet.digests() or None, _PATIENCE)
    assert (fleet.said("second"), fleet.said("first")) == ([403, 403], [200, 200])
    (fleet.boundaries[1].state / "policies" / f"{first}.json").unlink()
    done = fleet.run("policy", "rollback", "--why", WHY)
    assert done.returncode == 0, done
    assert "In force on 2 of 2." in done.stdout
    assert (fleet.said("first"), fleet.said("second")) == ([403, 403], [200, 200])
    assert fleet.run("policy", "rollback", "--end").returncode == 0
    until(lambda: fleet.said("second") == [403, 403] or None, _PATIENCE)


def test_a_boundary_that_stops_is_gone_from_the_list(fleet: Fleet) -> None:
    """At once, without waiting for its last sign of life to be old."""
    pid = fleet.boundaries[1].pid
    fleet.boundaries[1].stop()
    names = fleet.state.boundaries()
    assert [name for name in names if name.endswith(f":{pid}")] == []
    assert len(names) == 1
