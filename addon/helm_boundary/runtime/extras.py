"""Extras that run beside a boundary where options say so: page, metrics, traces, decision logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from .own_address import read_address, read_own_address

EXTRA_OPTIONS: tuple[tuple[str, Any, Any, str, tuple[str, ...] | None], ...] = (
    ("helm_page", str, "", "Where to show the page: receipts as they come, approvals, charts. An "
     "address of this machine, such as 127.0.0.1:8082; the whole address, with its token, is "
     "printed at the start. It is a process of its own, as `helm-boundary page` is.", None),
    ("helm_metrics", str, "", "Where Prometheus finds figures, such as 127.0.0.1:9464: decisions, "
     "reasons, tokens, and how long the boundary itself took. Needs the extra "
     "helm-boundary[metrics]. Boundaries on one state folder have one such address, with the sums "
     "of all.", None),
    ("helm_decision_logs", str, "", "Where receipts are shipped to as OPA's decision logs, each "
     "at least once: https://SERVICE (posted to SERVICE/logs), syslog://HOST:PORT, "
     "syslog+tcp://HOST:PORT, or a file of JSON lines.", None),
    ("helm_telemetry", bool, False, "Export a span for each call, and metrics, with OpenTelemetry. "
     "The standard OTEL_* variables say where to. Needs the extra helm-boundary[telemetry].",
     None),
)  # fmt: skip
"""Their options, as mitmproxy knows them; all of them are off by default."""

_LIBRARIES = {
    "helm_metrics": ("metrics", "prometheus_client"),
    "helm_telemetry": ("telemetry", "opentelemetry.exporter.otlp.proto.http"),
}
"""Which extra of the package an option needs, and a module that comes with it."""


class ExtraError(ValueError):
    """An option's value can't be used; the message names the option and what it takes."""


@dataclass(frozen=True, slots=True)
class Extras:
    """The options' values, read; empty for what is off."""

    page: str = ""
    metrics: str = ""
    telemetry: bool = False
    decision_logs: str = ""

    @classmethod
    def read(cls, options: Any) -> Self:
        """Read and check the options' values; raises ExtraError."""
        problem = next(_problems(options), None)
        if problem is not None:
            raise ExtraError(problem)
        logs = options.helm_decision_logs
        if logs and "://" not in logs:
            logs = str(Path(logs).expanduser().absolute())
        return cls(options.helm_page, options.helm_metrics, options.helm_telemetry, logs)

    @property
    def measures(self) -> bool:
        """Whether somebody asks how long the boundary's own steps take."""
        return bool(self.metrics) or self.telemetry


NO_EXTRAS = Extras()


def _problems(options: Any) -> Iterator[str]:
    """Yield what is wrong with each option that is set."""
    for name, read in _READERS.items():
        text = getattr(options, name)
        try:
            if text:
                read(text)
        except ValueError as error:
            yield f"{name}: {error}"
    for name, (extra, module) in _LIBRARIES.items():
        if getattr(options, name) and not _is_installed(module):
            yield f"{name}: needs {module}: install the extra helm-boundary[{extra}]"


def _read_destination(text: str) -> object:
    # Nothing of it is imported where no logs are shipped.
    from helm_boundary.decision_logs.destination import read_destination

    return read_destination(text)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False


_READERS = {
    "helm_page": read_own_address,
    "helm_metrics": read_address,
    "helm_decision_logs": _read_destination,
}
