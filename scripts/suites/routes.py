"""The ways that a suite's calls take to its mock server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.boundary import ADDON, Boundary

Route = Literal["direct", "stock", "boundary"]
ROUTES: tuple[Route, ...] = ("direct", "stock", "boundary")
POLICY = Path(__file__).with_name("policy")
_QUIET = {"flow_detail": 0}


@dataclass(slots=True)
class Way:
    """Where the API is served on a route; what was recorded is there once the route is closed."""

    address: str
    receipts: int | None = None
    remarks: Counter[str] = field(default_factory=Counter)
    """Calls that were refused, and those of operations that aren't in the catalogue."""


@contextmanager
def open_route(route: Route, port: int, folder: Path, *, mode: str) -> Iterator[Way]:
    """Lead to what listens on that port of this machine; `mode` is the boundary's."""
    upstream = f"http://127.0.0.1:{port}"
    if route == "direct":
        yield Way(upstream)
        return
    ours = route == "boundary"
    proxy = Boundary(
        state=folder / route,
        mode=f"reverse:{upstream}",
        addon=ADDON if ours else None,
        policy=POLICY if ours else None,
        options={**_QUIET, **({"helm_mode": mode} if ours else {})},
    )
    with proxy:
        way = Way(proxy.url)
        yield way
    if ours:
        way.receipts, way.remarks = read_receipts(proxy.state)


def read_receipts(state: Path) -> tuple[int, Counter[str]]:
    """Count the calls that have a receipt, and what is remarkable about some of them."""
    calls, remarks = 0, Counter[str]()
    for record in read_records(Layout(state).journal):
        told = record.predicate
        flow = told.get("flow", {})
        what = f"{flow.get('method')} {flow.get('path')}"
        if told.get("phase") == "request":
            calls += 1
            if flow.get("operation") == "unknown":
                remarks[f"unknown operation: {what}"] += 1
        if told.get("verdict") != "ALLOW":
            reasons = told.get("reasons", ())
            codes = ", ".join(f"{reason['code']} by {reason['rule']}" for reason in reasons)
            remarks[f"{told.get('verdict')} of the {told.get('phase')} ({codes}): {what}"] += 1
    return calls, remarks
