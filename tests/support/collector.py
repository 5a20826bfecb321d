"""A receiver of OTLP over HTTP, which decodes what it gets with the official protobuf."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(slots=True)
class Collector:
    """What has come so far, decoded."""

    port: int = 0
    spans: list[Span] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead an exporter here, soon and often."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "300",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }

    def take_spans(self, body: bytes) -> None:
        """Decode an export of spans."""
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.resource = attributes(resource.resource)
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def take_metrics(self, body: bytes) -> None:
        """Decode an export of metrics, each of which is as it is now."""
        request = ExportMetricsServiceRequest.FromString(body)
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                self.metrics |= {metric.name: metric for metric in scope.metrics}


def attributes(owner: Any) -> dict[str, Any]:
    """Return the attributes of a span, an event, a resource or a data point."""
    return {each.key: _value(each.value) for each in owner.attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, str(kind))


@contextmanager
def collector(hangs: bool = False) -> Iterator[Collector]:
    """Run a receiver; one that hangs reads requests and never answers."""
    found = Collector()
    released = threading.Event()
    takers: dict[str, Callable[[bytes], None]] = {
        "/v1/traces": found.take_spans,
        "/v1/metrics": found.take_metrics,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if hangs:
                released.wait(60)
                return
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.headers["Content-Type"] == "application/x-protobuf"
            found.raw += body
            takers[self.path](body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        released.set()
        server.shutdown()
        server.server_close()


def wait_for(look: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something has come."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)
