"""Prometheus is told true sums over all boundaries, in no series that a client could make."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from helm_boundary.enforcement.timings import BOUNDS, Timings
from support.approvals import ask, body, until, write_policy
from support.boundary import ROOT, Boundary
from support.installed import on_path
from support.upstream import Upstream

MONITORING = ROOT / "scripts" / "monitoring"
_URL = re.compile(r"  metrics   (http://\S+)")
_METRIC = re.compile(r"\bhelm_boundary_[a-z_]+")
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(scope="module")
def boundary(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    folder = tmp_path_factory.mktemp("metrics")
    options = {"helm_metrics": "127.0.0.1:0", "helm_policy": write_policy(folder / "policy")}
    with Boundary(shared_upstream, state=folder, options=options) as running:
        address(running)
        scraped(running)
        time.sleep(1.5)  # what came before it began to count isn't counted
        yield running


def address(boundary: Boundary) -> str:
    found = until(lambda: _URL.search(boundary.log))
    return found[1]


def text_of(boundary: Boundary) -> str:
    with urllib.request.urlopen(address(boundary), timeout=20) as response:
        return str(response.read().decode())


def scraped(boundary: Boundary) -> Series:
    families = text_string_to_metric_families(text_of(boundary))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def total(series: Series, name: str, **labels: str) -> float:
    return sum(
        value
        for (found, given), value in series.items()
        if found == name and labels.items() <= dict(given).items()
    )


def counted(boundary: Boundary, name: str, expected: float, **labels: str) -> Series:
    """Return the figures once one of them is as expected."""

    def look() -> Series | None:
        series = scraped(boundary)
        return series if total(series, name, **labels) >= expected else None

    return until(look)


def test_calls_are_counted_by_what_was_decided(boundary: Boundary) -> None:
    """Verdicts, reasons, tokens, ends, receipts; and how long the boundary took for each."""
    before = scraped(boundary)
    for text in ("hello", "hello again", "the forbidden", "please"):
        ask(boundary, body(text))
    decisions = "helm_boundary_decisions_total"
    old = total(before, decisions, phase="outcome")
    after = counted(boundary, decisions, old + 4, phase="outcome")

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    assert grown(decisions, phase="outcome", verdict="ALLOW") == 2
    assert grown(decisions, phase="outcome", verdict="DENY") == 1
    assert grown(decisions, operation="createChatCompletion", phase="request") == 4
    assert grown("helm_boundary_reasons_total", code="POLICY_VIOLATION", rule="deny.never") == 2
    assert grown("helm_boundary_calls_total", end="complete") == 2
    assert grown("helm_boundary_calls_total", end="denied") == 2
    assert grown("helm_boundary_tokens_total", direction="input", model="gpt-4*") > 0
    assert grown("helm_boundary_overhead_seconds_count", phase="request") == 4
    assert grown("helm_boundary_policy_evaluation_seconds_count", phase="response") == 2
    assert grown("helm_boundary_receipt_commit_seconds_sum", phase="request") > 0
    assert total(after, "helm_boundary_boundaries", mode="enforce") == 1
    assert total(after, "helm_boundary_approvals_waiting") == 1
    assert total(after, "helm_boundary_log_size") > 0
    assert total(after, "helm_boundary_dropped_total") == 0
    assert total(after, "process_resident_memory_bytes") > 10_000_000


def test_a_flood_of_made_up_names_makes_no_series(boundary: Boundary) -> None:
    """Models, keys, paths and tools that a client invents are `other`, or nowhere."""
    for name in ("made-up-0", "gpt-4-made-up-0"):
        ask(boundary, body("hello", model=name), key=name)
        ask(boundary, body("hello", model=name), path="/v1/engines/made-up-0/chat/completions")
    decisions = "helm_boundary_decisions_total"
    before = counted(boundary, decisions, 8, phase="outcome")
    old = total(before, decisions, phase="outcome")
    for number in range(60):
        tools = [{"type": "function", "function": {"name": f"made_up_{number}"}}]
        ask(boundary, body("hello", model=f"made-up-{number}", tools=tools), key=f"k{number}")
        ask(boundary, body("hello", model=f"gpt-4-made-up-{number}"), key=f"l{number}")
    after = counted(boundary, decisions, old + 120, phase="outcome")
    assert "made-up" not in text_of(boundary)
    new = {key for key in after.keys() - before.keys() if not key[0].startswith("process_")}
    assert new == set()


def test_boundaries_on_one_folder_are_summed_up(
    boundary: Boundary, shared_upstream: Upstream, tmp_path: Path
) -> None:
    """The second finds the address taken, and its calls are in the first one's figures."""
    taken = address(boundary).removeprefix("http://").removesuffix("/metrics")
    options = {"helm_metrics": taken, "helm_state": boundary.state}
    pins = {"HELM_PINS": str(boundary.state.parent / "pins")}
    with Boundary(shared_upstream, state=tmp_path, options=options, env=pins) as other:
        before = scraped(boundary)
        assert total(before, "helm_boundary_boundaries") == 2
        old = total(before, "helm_boundary_overhead_seconds_count", phase="request")
        for _ in range(3):
            assert ask(other, body("hello")).status == 200
        assert ask(boundary, body("hello")).status == 200
        name = "helm_boundary_overhead_seconds_count"
        counted(boundary, name, old + 4, phase="request")
    after = scraped(boundary)
    assert total(after, name, phase="request") >= old + 4  # what was counted stays
    assert total(after, "helm_boundary_boundaries") == 1


def test_promtool_takes_what_is_told(boundary: Boundary) -> None:
    """Names, types and units as Prometheus wants them."""
    promtool = on_path("promtool")
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=text_of(boundary),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_promtool_takes_the_alerts() -> None:
    """Every rule parses."""
    done = subprocess.run(
        [on_path("promtool"), "check", "rules", str(MONITORING / "alerts.yml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard_and_alerts_ask_for_what_there_is(boundary: Boundary) -> None:
    """No panel stays empty because of a name."""
    ask(boundary, body("hello"))
    told = {name.partition("{")[0].split(" ")[0] for name in text_of(boundary).splitlines()}
    told |= set(_METRIC.findall(text_of(boundary)))
    dashboard = json.loads((MONITORING / "grafana.json").read_text())
    asked = {name for panel in dashboard["panels"] for name in _expressions(panel)}
    asked |= set(_METRIC.findall((MONITORING / "alerts.yml").read_text()))
    assert len(asked) > 10
    assert asked - told == set()
    places = [tuple(panel["gridPos"].values())[:2] for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)


def _expressions(panel: dict[str, Any]) -> Iterator[str]:
    for target in panel["targets"]:
        yield from _METRIC.findall(target["expr"])


def test_steps_are_counted_in_buckets() -> None:
    """Each step by itself, and all steps of a request when the last one is done."""
    timings = Timings()
    seconds = {"request policy": 0.002, "request receipt": 0.0004}
    timings.note("request policy", 0.002, {"request policy": 0.002})
    timings.note("request receipt", 0.0004, seconds)
    timings.note("a person", 3600.0, {})
    told = timings.told()
    assert set(told) == {"request policy", "request receipt", "request", "a person"}
    *counts, total_seconds = told["request"]
    assert total_seconds == pytest.approx(0.0024)
    assert counts[BOUNDS.index(2.5e-3)] == 1
    assert told["a person"][len(BOUNDS)] == 1
