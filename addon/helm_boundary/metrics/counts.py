"""What is counted from receipts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from helm_boundary.runtime.labels import Labels
from helm_receipts.envelope.statement import PHASES, VERDICTS


class Counts:
    """Counters of decisions, reasons, tokens, receipts and ended calls."""

    def __init__(self, registry: CollectorRegistry, labels: Labels) -> None:
        self._labels = labels
        self._decisions = Counter(
            "helm_boundary_decisions", "Decisions, by phase.",
            ("phase", "verdict", "operation", "provider"), registry=registry,
        )  # fmt: skip
        self._reasons = Counter(
            "helm_boundary_reasons", "Reasons of decisions that weren't ALLOW.",
            ("code", "rule"), registry=registry,
        )  # fmt: skip
        self._receipts = Counter(
            "helm_boundary_receipts", "Receipts, by phase.", ("kind",), registry=registry
        )
        self._tokens = Counter(
            "helm_boundary_tokens", "Tokens, as providers count them.",
            ("direction", "provider", "model"), registry=registry,
        )  # fmt: skip
        self._dollars = Counter(
            "helm_boundary_dollars", "Cost of calls, where a budget is in money.",
            ("provider", "model"), registry=registry,
        )  # fmt: skip
        self._ends = Counter(
            "helm_boundary_calls", "Calls that ended.", ("end",), registry=registry
        )
        for phase in PHASES:
            self._receipts.labels(phase)

    def count(self, row: Mapping[str, Any]) -> None:
        """Count a receipt, as the index has it."""
        phase, verdict = row["phase"], row["verdict"]
        if phase not in PHASES or verdict not in VERDICTS:
            return
        self._receipts.labels(phase).inc()
        if phase not in ("request", "tool_call", "outcome"):
            return
        operation = self._labels.operation(row["operation"])
        provider = self._labels.provider(row["host"])
        self._decisions.labels(phase, verdict, operation, provider).inc()
        if verdict != "ALLOW":
            for code, rule in self._labels.reasons(row["codes"], row["rules"]):
                self._reasons.labels(code, rule).inc()
        if phase == "outcome":
            self._count_outcome(row, provider)

    def _count_outcome(self, row: Mapping[str, Any], provider: str) -> None:
        self._ends.labels(row["end"]).inc()
        model = self._labels.model(row["model"])
        if row["cost"]:
            self._dollars.labels(provider, model).inc(row["cost"] / 1e9)
        for direction in ("input", "output"):
            if row[direction]:
                self._tokens.labels(direction, provider, model).inc(row[direction])
