"""One process, several on one port, a fleet, and stock mitmdump: calls a second, and their cost.

Each has its turn in each round, before the same upstream and the same load. What a call costs in
processor time is told for each part: the boundaries themselves, their policy workers, the
supervisor, PostgreSQL and HAProxy. The load and the upstream need cores too: where there are no
more than processes, calls a second say how these share them, and processor time a call is the
figure to compare.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.chats import CASES, request
from bench.compare import QUIET, STOCK, WARM_UP_SECONDS, lean_upstream
from bench.cpu import children
from bench.fleet import PARTS, Fleet, fleet, missing, of_proxies, total
from bench.load import load
from support.boundary import ADDON, Boundary
from support.processes import Processes


@dataclass(frozen=True, slots=True)
class Runner:
    """Boundaries on one port, or stock mitmdump: the port, and the process it begins with."""

    port: int
    pid: int
    is_supervised: bool = False

    sources = 1

    def seconds(self) -> dict[str, float]:
        """Return the processor time of each part so far."""
        proxies = children(self.pid) if self.is_supervised else [self.pid]
        return of_proxies(proxies) | {"supervisor": total([self.pid] if self.is_supervised else [])}


@click.command()
@click.option("--processes", default=2, show_default=True, help="How many share a port.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each.")
@click.option("--seconds", default=2.0, show_default=True, help="How long a turn lasts.")
@click.option("--connections", default=16, show_default=True, help="Calls under way at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def main(processes: int, rounds: int, seconds: float, connections: int, as_json: bool) -> None:
    """Measure several processes on one port, and a fleet, beside one and beside stock mitmdump."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="helm-bench-")))
        port = stack.enter_context(lean_upstream())
        runners = _start(stack, folder, port, processes)
        found = measure(runners, rounds, seconds, connections)
    if as_json:
        print(json.dumps(found))
    else:
        Console().print(_table(found))


def _start(
    stack: contextlib.ExitStack, folder: Path, upstream: int, count: int
) -> Mapping[str, Runner | Fleet]:
    mode = f"reverse:http://127.0.0.1:{upstream}"
    found: dict[str, Runner | Fleet] = {}
    for name, addon in (("stock mitmdump", STOCK), ("one process", ADDON)):
        state = folder / name.split()[0]
        one = stack.enter_context(Boundary(state=state, mode=mode, addon=addon, options=QUIET))
        found[name] = Runner(one.port, one.pid)
    several = stack.enter_context(
        Processes(mode=mode, state=folder / "several", count=count, options=QUIET, policy=None)
    )
    found[f"{count} processes"] = Runner(several.port, several.pid, is_supervised=True)
    if (why := missing()) is None:
        found["2 on PostgreSQL"] = stack.enter_context(fleet(folder / "fleet", upstream))
    else:
        print(f"no fleet: {why}", file=sys.stderr)
    return found


def measure(
    runners: Mapping[str, Runner | Fleet], rounds: int, seconds: float, connections: int
) -> dict[str, dict[str, float]]:
    """Load each in turn; returns the medians: calls a second, milliseconds of each part a call."""
    case = request(CASES[0])
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in runners}
    for runner in runners.values():
        load(runner.port, case, connections, WARM_UP_SECONDS, runner.sources)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for _ in progress.track(range(rounds), description="measuring"):
            for name, runner in runners.items():
                before = runner.seconds()
                sample = load(runner.port, case, connections, seconds, runner.sources)
                after, calls = runner.seconds(), len(sample.latencies)
                used = {
                    part: (after.get(part, 0) - before.get(part, 0)) / calls * 1000
                    for part in PARTS
                }
                turns[name].append({"calls_a_second": calls / sample.seconds, **used})
    return {
        name: {key: statistics.median(each[key] for each in found) for key in found[0]}
        for name, found in turns.items()
    }


def _table(found: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table("", "calls/s", *PARTS, caption="of each part: processor time a call, in ms")
    for name, figures in found.items():
        cells = [f"{figures[part]:.2f}" for part in PARTS]
        table.add_row(name, f"{figures['calls_a_second']:,.0f}", *cells)
    return table


if __name__ == "__main__":
    main()
