"""The metrics of the conventions: how long calls took, and their tokens.

A model's name is a label here, so it is one that policy writes, or `other`. So is a method of MCP's
one of the catalogue's, and a tool's name is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.metrics import Histogram, Meter

from helm_boundary.runtime.labels import Labels

from . import names as conventions
from .attributes import error_type, seconds_to_first_chunk
from .tokens import counted


class CallMetrics:
    """Histograms of calls that have ended."""

    def __init__(self, meter: Meter, labels: Labels) -> None:
        self._labels = labels
        self._names = conventions.names()
        seconds = conventions.DURATION_BOUNDS
        self._durations = {
            name: _histogram(meter, name, "s", "How long a provider took for a call.", seconds)
            for name in {self._names["duration"], self._names["duration_of_others"]}
        }
        self._mcp = _histogram(
            meter, self._names["mcp_duration"], "s", "How long an MCP server took for a message.",
            conventions.MCP_BOUNDS,
        )  # fmt: skip
        self._first_chunk = _histogram(
            meter, self._names["time_to_first_chunk"], "s",
            "How long a stream's first event took to come.", seconds,
        )  # fmt: skip
        self._per_chunk = _histogram(
            meter, self._names["time_per_chunk"], "s",
            "How long each of its other events took, after the one before.", seconds,
        )  # fmt: skip
        self._tokens = _TokenMetrics(meter, self._names["token_usage"])

    def record(self, call: Mapping[str, Any]) -> None:
        """Record a call that was forwarded; one that was refused took no provider's time."""
        moments, name = call["moments"], self._names
        if "forwarded" not in moments:
            return
        received = min(moments.get("received", moments["ended"]), moments["ended"])
        seconds = max(0, received - moments["forwarded"]) / 1e9
        kind = error_type(call)
        failed = {name["error_type"]: kind} if kind else {}
        if call["mcp"] is not None:
            method = self._labels.mcp_method(call["route"])
            told = {name["mcp_method"]: method, name["transport"]: "tcp"}
            self._mcp.record(seconds, {**told, **failed})
            return
        operation = conventions.operation_name(call["operation"], call["dialect"])
        told = {
            name["operation"]: operation,
            name["provider"]: conventions.provider_name(call["provider"]),
            name["model"]: self._labels.model(call["model"]),
        }
        is_other = operation == conventions.EMBEDDINGS
        self._durations[name["duration_of_others" if is_other else "duration"]].record(
            seconds, {**told, **failed}
        )
        self._record_stream(call, told)
        self._tokens.record(call, told)

    def _record_stream(self, call: Mapping[str, Any], told: Mapping[str, str]) -> None:
        if (first := seconds_to_first_chunk(call)) is None:
            return
        self._first_chunk.record(first, told)
        for count, nanoseconds in call["chunks"]:
            # Of one bucket each: what fell into it is what the histogram counts up.
            for _ in range(count):
                self._per_chunk.record(nanoseconds / count / 1e9, told)


class _TokenMetrics:
    """How many tokens calls used: one histogram by direction, or the two that come for it."""

    def __init__(self, meter: Meter, name: str) -> None:
        def histogram(name: str) -> Histogram:
            what = "Tokens of a call, as the provider counts them."
            return _histogram(meter, name, "{token}", what, conventions.TOKEN_BOUNDS)

        self._type = None if conventions.are_coming() else conventions.TODAY["token_type"]
        if self._type is not None:
            one = histogram(name)
            self._by_direction = {"input_tokens": one, "output_tokens": one}
        else:
            coming = conventions.COMING_TOKENS.items()
            self._by_direction = {direction: histogram(name) for direction, name in coming}

    def record(self, call: Mapping[str, Any], told: Mapping[str, str]) -> None:
        usage = counted(call)
        for direction, histogram in self._by_direction.items():
            if (tokens := usage[direction]) is not None:
                kind = {} if self._type is None else {self._type: direction.partition("_")[0]}
                histogram.record(tokens, {**told, **kind})


def _histogram(meter: Meter, name: str, unit: str, what: str, bounds: Sequence[float]) -> Histogram:
    return meter.create_histogram(name, unit, what, explicit_bucket_boundaries_advisory=bounds)
