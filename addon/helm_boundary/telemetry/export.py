"""What is told of calls, turned into spans and metrics and exported as OTEL_* variables say."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from helm_boundary import __version__
from helm_boundary.runtime.health import running_boundaries
from helm_boundary.runtime.labels import Labels
from helm_receipts.layout import Layout

from .call_metrics import CallMetrics
from .spans import CallSpans, ChosenIds

logger = logging.getLogger(__name__)

_SCOPE = "helm-boundary"
_LEARN_EVERY = 200
_END_SECONDS = 8


class Export:
    """The SDK's providers, and what goes into them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._labels = Labels()
        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", _SCOPE)})
        ids = ChosenIds()
        self._traces = TracerProvider(resource=resource, id_generator=ids)
        if _is_wanted("OTEL_TRACES_EXPORTER"):
            self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._meters = MeterProvider(list(_readers()), resource)
        tracer = self._traces.get_tracer(_SCOPE, __version__)
        self._spans = CallSpans(tracer, ids) if isinstance(tracer, Tracer) else None
        self._metrics = CallMetrics(self._meters.get_meter(_SCOPE, __version__), self._labels)
        self._dropped = self._meters.get_meter(_SCOPE, __version__).create_counter(
            "helm_boundary.dropped", "{call}", "Calls that weren't told in time; must be 0."
        )

    def follow(self, lines: Iterable[bytes]) -> None:
        """Export what is told, a call a line, until there is no more; then what is left."""
        dropped = 0
        for number, line in enumerate(lines):
            if number % _LEARN_EVERY == 0:
                self._labels.learn_running(lambda: running_boundaries(self._layout.state))
            try:
                call: dict[str, Any] = orjson.loads(line)
                self._take(call)
            except (ValueError, KeyError, TypeError) as error:
                logger.warning("helm-boundary: a call can't be traced: %s", error)
                continue
            self._dropped.add(call["dropped"] - dropped)
            dropped = call["dropped"]
        self._end()

    def _end(self) -> None:
        """Export what is left; a collector that doesn't answer keeps nobody for long."""
        patience = threading.Timer(_END_SECONDS, os._exit, (1,))
        patience.daemon = True
        patience.start()
        self._traces.shutdown()
        self._meters.shutdown(_END_SECONDS * 1000)
        patience.cancel()

    def _take(self, call: dict[str, Any]) -> None:
        if self._spans is not None:
            self._spans.make(call)
        self._metrics.record(call)


def _readers() -> Iterator[MetricReader]:
    if _is_wanted("OTEL_METRICS_EXPORTER"):
        yield PeriodicExportingMetricReader(OTLPMetricExporter())


def _is_wanted(variable: str) -> bool:
    return os.environ.get(variable, "otlp").strip() != "none"
