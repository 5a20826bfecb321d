"""A long run: how much memory the boundary holds after a tenth, a half and all of many calls.

What grows with the number of calls would show here; what is kept for a bounded time or in a bounded
number fills up early. Streams and whole answers come in turns, at eight connections.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.chats import CASES, Case, request
from bench.compare import lean_upstream, proxy
from bench.cpu import children
from bench.load import load
from support.boundary import ADDON, Boundary

SHARES = (0.1, 0.5, 1.0)
SECONDS = 5.0
LARGEST = 1.05
"""How much more may be held at the end than after a tenth."""
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB$", re.MULTILINE)


@click.command()
@click.option("--calls", default=200_000, show_default=True, help="How many calls are made.")
@click.option(
    "--policy", type=click.Path(path_type=Path), help="A policy folder; else the default."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def main(calls: int, policy: Path | None, as_json: bool) -> None:
    """Print the resident size of the boundary's processes, in MB; exit with 1 where it grew."""
    with tempfile.TemporaryDirectory(prefix="helm-soak-") as folder, lean_upstream() as port:
        measured = proxy(Path(folder), f"reverse:http://127.0.0.1:{port}", ADDON, policy)
        with measured as boundary:
            found = measure(boundary, calls)
    if as_json:
        print(json.dumps(found))
    else:
        Console(width=None if sys.stdout.isatty() else 100).print(_table(found))
    first, last = found[0], found[-1]
    grown = [name for name in first if name != "calls" and last[name] > first[name] * LARGEST]
    if grown:
        raise click.ClickException(f"more than {LARGEST - 1:.0%} larger at the end: {grown}")


def measure(boundary: Boundary, calls: int) -> list[dict[str, float]]:
    """Make the calls; returns the sizes at each share of them."""
    cases = [case for case in CASES if case.connections > 1 and case.kilobytes == 1]
    found: list[dict[str, float]] = []
    made = turn = 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("calling", total=calls)
        while made < calls:
            made += _made(boundary, cases[turn % len(cases)])
            turn += 1
            progress.update(task, completed=made)
            if made >= calls * SHARES[len(found)]:
                found.append({"calls": made, **_sizes(boundary.pid)})
    return found


def _made(boundary: Boundary, case: Case) -> int:
    return len(load(boundary.port, request(case), case.connections, SECONDS).latencies)


def _sizes(pid: int) -> dict[str, float]:
    """Return the resident size of the proxy, and of each process that it started."""
    return {"proxy": _resident(pid)} | {
        f"child {at}": _resident(each) for at, each in enumerate(sorted(children(pid)), 1)
    }


def _resident(pid: int) -> float:
    found = _RESIDENT.search(Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _table(found: list[dict[str, float]]) -> Table:
    names = [name for name in found[0] if name != "calls"]
    table = Table("calls", *(f"{name}, MB" for name in names))
    for each in found:
        table.add_row(f"{each['calls']:,.0f}", *(f"{each[name]:.1f}" for name in names))
    return table


if __name__ == "__main__":
    main()
