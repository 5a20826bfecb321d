"""The metrics of the conventions: how long calls took, and their tokens.

A model's name is a label here, so it is one that policy writes, or `other`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.metrics import Meter

from helm_boundary.runtime.labels import Labels

from . import names as conventions
from .spans import error_type, seconds_to_first_chunk


class CallMetrics:
    """Histograms of calls that have ended."""

    def __init__(self, meter: Meter, labels: Labels) -> None:
        self._labels = labels
        self._names = names = conventions.names()
        self._duration = meter.create_histogram(
            names["duration"],
            "s",
            "How long a provider took for a call.",
            explicit_bucket_boundaries_advisory=conventions.DURATION_BOUNDS,
        )
        self._first_chunk = meter.create_histogram(
            names["time_to_first_chunk"],
            "s",
            "How long a stream's first event took to come.",
            explicit_bucket_boundaries_advisory=conventions.DURATION_BOUNDS,
        )
        self._tokens = meter.create_histogram(
            names["token_usage"],
            "{token}",
            "Tokens of a call, as the provider counts them.",
            explicit_bucket_boundaries_advisory=conventions.TOKEN_BOUNDS,
        )

    def record(self, call: Mapping[str, Any]) -> None:
        """Record a call that was forwarded; one that was refused took no provider's time."""
        moments, name = call["moments"], self._names
        if "forwarded" not in moments:
            return
        told = {
            name["operation"]: conventions.operation_name(call["operation"], call["dialect"]),
            name["provider"]: conventions.provider_name(call["provider"]),
            name["model"]: self._labels.model(call["model"]),
        }
        received = min(moments.get("received", moments["ended"]), moments["ended"])
        kind = error_type(call)
        failed = {name["error_type"]: kind} if kind else {}
        seconds = max(0, received - moments["forwarded"]) / 1e9
        self._duration.record(seconds, {**told, **failed})
        if (first := seconds_to_first_chunk(call)) is not None:
            self._first_chunk.record(first, told)
        for direction in ("input", "output"):
            tokens = call["usage"].get(f"{direction}_tokens")
            if tokens is not None:
                self._tokens.record(tokens, {**told, name["token_type"]: direction})
