"""Where a call's time goes: steps of Python's interpreter (bytecodes) a call, by part.

They are counted in real proxies under load, and don't depend on what else the machine does. What
they leave out: C's own work (JSON, signatures, patterns), the kernel, and the policy's process.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.chats import CASES, Case, request
from bench.compare import STOCK, lean_upstream, other_boundary, proxy
from bench.load import load
from bench.step_counter import NAME
from support.boundary import ADDON, Boundary

COUNTER = Path(__file__).with_name("step_counter.py")
PARTS = (
    ("boundary", re.compile(r"/addon/helm")),
    ("receipts", re.compile(r"/helm_receipts/")),
    ("mitmproxy", re.compile(r"/mitmproxy/|/h11/")),
    ("event loop", re.compile(r"/asyncio/|/selectors\.py")),
    ("dataclasses", re.compile(r"<string>|/dataclasses\.py")),
    ("other", re.compile("")),
)
"""The parts of a call, and how their files are named; the first that fits is a file's."""


@click.command()
@click.option("--only", default="JSON", show_default=True, help="Cases whose name contains this.")
@click.option("--policy", type=click.Path(path_type=Path), help="A policy folder.")
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="Another checkout, set up with its own .venv, beside the two.",
)
@click.option("--top", default=0, help="Also print so many functions of this boundary.")
def main(only: str, policy: Path | None, against: Path | None, top: int) -> None:
    """Count the steps of a call in stock mitmdump, in this boundary and in another one."""
    table = Table("case", "proxy", *(name for name, _ in PARTS), "in all")
    found: dict[str, float] = {}
    for case in (case for case in CASES if only in str(case)):
        for name in ("stock", *([str(against)] if against else []), "this"):
            found = counted(name, case, policy)
            parts = by_part(found)
            steps = [f"{parts[each]:,.0f}" for each, _ in PARTS]
            table.add_row(str(case), name, *steps, f"{parts.total():,.0f}")
    console = Console(width=180)
    console.print(table)
    for place, steps_of in sorted(found.items(), key=lambda each: -each[1])[:top]:
        console.print(f"{steps_of:8,.0f} {place}", highlight=False, soft_wrap=True)


def counted(name: str, case: Case, policy: Path | None) -> dict[str, float]:
    """Count in one proxy; returns the steps of a call by `file:function`."""
    with tempfile.TemporaryDirectory(prefix="helm-steps-") as folder, lean_upstream() as port:
        mode, state = f"reverse:http://127.0.0.1:{port}", Path(folder)
        if name in ("stock", "this"):
            measured = proxy(state, mode, STOCK if name == "stock" else ADDON, policy)
        else:
            measured = other_boundary(Path(name), state, mode, policy)
        measured.command += ["-s", str(COUNTER)]
        with measured as boundary:
            return under_load(boundary, case)


def under_load(boundary: Boundary, case: Case) -> dict[str, float]:
    """Load a proxy until it has counted."""
    result = boundary.confdir / NAME
    while not result.exists():
        load(boundary.port, request(case), case.connections, 0.5)
    told: dict[str, float] = json.loads(result.read_text())
    return told


def by_part(steps: Mapping[str, float]) -> Counter[str]:
    """Add up steps by part."""
    found: Counter[str] = Counter()
    for place, count in steps.items():
        part = next(name for name, pattern in PARTS if pattern.search(place))
        found[part] += count  # type: ignore[assignment]
    return found


if __name__ == "__main__":
    main()
