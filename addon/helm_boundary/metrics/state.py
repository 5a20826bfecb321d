"""What is looked up when somebody asks: the log, what waits for a person, the boundaries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from helm_boundary.approvals.entry import GRANTED, REFUSED
from helm_boundary.approvals.store import Store, StoreError
from helm_boundary.budgets.shares import shares
from helm_boundary.budgets.store import Store as Balances
from helm_boundary.budgets.store import StoreError as BalanceError
from helm_boundary.enforcement.timings import BOUNDS
from helm_boundary.receipt_source.source import Source
from helm_boundary.runtime.disk_space import DiskSpace
from helm_boundary.runtime.health import Health, running_boundaries
from helm_boundary.runtime.labels import Labels
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.errors import ReceiptError

_PEOPLE = (1, 5, 15, 60, 300, 900, 3600)
_STEPS = {
    "helm_boundary_policy_evaluation_seconds": (
        "How long policy took.", {"request": "request policy", "response": "response policy"}),
    "helm_boundary_receipt_commit_seconds": (
        "How long it took until a receipt was durable.",
        {"request": "request receipt", "response": "response receipt"}),
    "helm_boundary_overhead_seconds": (
        "How long a call waited for the boundary, without the time of a person.",
        {"request": "request", "response": "response"},
    ),
}  # fmt: skip


class State(Collector):
    """Gauges and histograms of one state, as it is at this moment."""

    def __init__(
        self, state: SharedState, source: Source, labels: Labels, registry: CollectorRegistry
    ) -> None:
        self._state = state
        self._source = source
        self._labels = labels
        self._store: Store | None = None
        self._balances: Balances | None = None
        self._begun = time.time_ns()
        self._decided: set[str] = set()
        self._dropped: dict[str, dict[str, int]] = {}
        self._steps: dict[str, dict[str, list[float]]] = {}
        """By boundary: also of those that have ended, for what was counted stays."""
        self._people = Histogram(
            "helm_boundary_approval_seconds", "How long a person took to decide.",
            buckets=_PEOPLE, registry=registry,
        )  # fmt: skip

    def describe(self) -> Iterable[Metric]:
        """Name nothing ahead: it isn't looked at before it is asked for."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Look."""
        boundaries = self._running()
        for name, health in boundaries.items():
            self._labels.learn(health.labels)
            self._steps[name] = health.steps
            self._dropped[name] = health.dropped
        found = list(boundaries.values())
        yield from self._log()
        yield from self._approvals()
        yield from self._budgets()
        yield from self._boundaries(found)
        yield self._losses()
        yield from self._histograms()
        yield from self._processes()

    def _running(self) -> dict[str, Health]:
        try:
            return self._state.boundaries()
        except ReceiptError:  # the database is away: then nobody knows
            return {}

    def _log(self) -> Iterator[Metric]:
        try:
            log = self._source.log_state()
        except (OSError, ReceiptError):
            return
        if log is None:
            return
        yield _gauge("helm_boundary_log_size", "Receipts in the log.", log.size)
        yield _gauge("helm_boundary_checkpoint_age_seconds", "Since the last checkpoint.", log.age)

    def _approvals(self) -> Iterator[Metric]:
        now, waiting = time.time_ns(), 0
        try:
            if self._store is None and self._state.has_approvals:
                self._store = self._state.open_approvals()
            if self._store is not None:
                waiting = len(self._store.pending(now))
                self._count_decided(self._store)
        except StoreError:
            return
        yield _gauge("helm_boundary_approvals_waiting", "Questions to a person.", waiting)

    def _count_decided(self, store: Store) -> None:
        kept = set()
        for entry in store.entries():
            if entry.decided is None or entry.decided.decision not in (GRANTED, REFUSED):
                continue
            kept.add(entry.id)
            if entry.id not in self._decided and entry.decided.at_ns >= self._begun:
                self._people.observe((entry.decided.at_ns - entry.request.created_ns) / 1e9)
        self._decided = kept

    def _budgets(self) -> Iterator[Metric]:
        """Yield the fullest limit of each budget, over all of its scopes: callers are no labels."""
        try:
            if self._balances is None:
                self._balances = self._state.open_balances()
            found = shares(self._balances) if self._balances is not None else []
        except BalanceError:
            return
        fullest: dict[str, float] = {}
        for share in found:
            fullest[share.budget] = max(fullest.get(share.budget, 0.0), share.ratio)
        gauge = GaugeMetricFamily(
            "helm_boundary_budget_used_ratio", "How much is used of a budget's fullest scope.",
            labels=("budget",),
        )  # fmt: skip
        for budget, ratio in fullest.items():
            gauge.add_metric((budget,), ratio)
        yield gauge

    def _boundaries(self, found: list[Health]) -> Iterator[Metric]:
        gauge = GaugeMetricFamily(
            "helm_boundary_boundaries", "Boundaries that run.", labels=("mode", "version")
        )
        for mode, version in {(health.mode, health.version) for health in found}:
            same = sum((each.mode, each.version) == (mode, version) for each in found)
            gauge.add_metric((mode, version), same)
        yield gauge
        count = sum(health.open_calls for health in found)
        yield _gauge("helm_boundary_open_calls", "Calls that have begun and not ended.", count)
        if (space := DiskSpace.of(self._state.layout.state)) is not None:
            yield _gauge(
                "helm_boundary_disk_free_bytes", "Room that is left for receipts.", space.free
            )
            yield _gauge(
                "helm_boundary_disk_low", "1 when that is too little.", float(space.is_low)
            )

    def _losses(self) -> Metric:
        counter = CounterMetricFamily(
            "helm_boundary_dropped", "Calls without a receipt (only observed), or without a span.",
            labels=("what",),
        )  # fmt: skip
        for what in ("receipts", "spans"):
            lost = sum(dropped.get(what, 0) for dropped in self._dropped.values())
            counter.add_metric((what,), lost)
        return counter

    def _histograms(self) -> Iterator[Metric]:
        for name, (text, phases) in _STEPS.items():
            family = HistogramMetricFamily(name, text, labels=("phase",))
            for phase, step in phases.items():
                told = [steps[step] for steps in self._steps.values() if step in steps]
                if told:
                    counts = [sum(column) for column in zip(*told, strict=True)]
                    family.add_metric((phase,), list(_cumulated(counts[:-1])), counts[-1])
            yield family

    def _processes(self) -> Iterator[Metric]:
        """Yield what the boundaries' processes on this machine take, summed up."""
        families: dict[str, Metric] = {}
        for health in running_boundaries(self._state.layout.state):
            pid = health.pid
            for family in ProcessCollector(pid=_constant(pid), registry=_NOWHERE).collect():
                if family.name.endswith("start_time_seconds"):
                    continue
                known = families.setdefault(family.name, family)
                if known is not family:
                    value = known.samples[0].value + family.samples[0].value
                    known.samples = [known.samples[0]._replace(value=value)]
        yield from families.values()


_NOWHERE = CollectorRegistry()


def _constant(pid: int) -> Callable[[], int]:
    return lambda: pid


def _cumulated(counts: list[float]) -> Iterator[tuple[str, float]]:
    total = 0.0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
        total += count
        yield bound, total


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
