"""How long other calls stand still while one call's bytes are read and judged.

A prober makes small calls one after the other through the same proxy; the longest of them, while a
case's bytes pass, is the case's pause. Stock mitmdump passes the same bytes in the same run.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.chats import Case, request
from bench.compare import STOCK, proxy
from bench.load import UnexpectedAnswer, load
from bench.pause_cases import CASES
from support.boundary import ADDON, Boundary

FREE_MEGABYTES, FREE_MS, MS_A_MEGABYTE = 4, 50, 10
_SMALL = request(Case(1, stream=False, connections=1))
_BEFORE = 0.3
ALLOWED = (
    "tools: {allow: [look, f]}\noperations: {allow_categories: [inference, meta, data, realtime]}\n"
)


@dataclass(frozen=True, slots=True)
class Pause:
    """One case: pauses and times of the whole call in milliseconds, and how it was answered."""

    case: str
    megabytes: float
    stock: float
    boundary: float
    allowed: float
    took: float
    answered: str

    @property
    def is_met(self) -> bool:
        """Whether the boundary's pause is within what is allowed."""
        return self.boundary <= self.allowed


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Turns of each proxy at each case.")
@click.option("--only", default="", help="Only cases whose name contains this, such as 'stream'.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def main(rounds: int, only: str, as_json: bool) -> None:
    """Measure the longest pause of other calls, beside stock mitmdump passing the same bytes.

    Allowed are 50 ms beyond stock up to 4 MB, and 10 ms for each further MB.
    """
    cases = [case for case in CASES if only in case]
    if not cases:
        raise click.UsageError(f"no case contains {only!r}; there are: {'; '.join(CASES)}")
    with tempfile.TemporaryDirectory(prefix="helm-pauses-") as name, case_upstream() as port:
        mode, policy = f"reverse:http://127.0.0.1:{port}", Path(name) / "policy"
        policy.mkdir()
        (policy / "data.yaml").write_text(ALLOWED)
        with (
            proxy(Path(name) / "stock", mode, STOCK, None) as stock,
            proxy(Path(name) / "boundary", mode, ADDON, policy) as boundary,
        ):
            pauses = _measure(stock, boundary, cases, rounds)
    if as_json:
        print(json.dumps({"cpus": os.cpu_count(), "cases": [asdict(each) for each in pauses]}))
    else:
        Console(width=None if sys.stdout.isatty() else 140).print(as_table(pauses))


def _measure(stock: Boundary, boundary: Boundary, cases: list[str], rounds: int) -> list[Pause]:
    found = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=len(cases) * rounds)
        for each in (stock, boundary):
            load(each.port, _SMALL, 1, 1.0)
        for case in cases:
            turns = []
            for _ in range(rounds):
                turns.append((pause(stock.port, case), pause(boundary.port, case)))
                progress.advance(task)
            found.append(_fold(case, turns))
    return found


type Turn = tuple[float, float, str]
"""The pause and the time of the call, in milliseconds, and how it was answered."""


def pause(port: int, case: str) -> Turn:
    """Send one case through a proxy while small calls go on."""
    command = [sys.executable, "-m", "bench.pause_client", str(port), case]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env=_environment()
    ) as client:
        stdin, stdout = cast(IO[str], client.stdin), cast(IO[str], client.stdout)
        stdout.readline()
        longest: list[float] = []
        is_over = threading.Event()
        probing = threading.Thread(target=_probe, args=(port, is_over, longest))
        probing.start()
        time.sleep(_BEFORE)
        began = time.perf_counter()
        stdin.write("go\n")
        stdin.flush()
        answered = stdout.readline().strip()
        took = time.perf_counter() - began
        time.sleep(_BEFORE)  # what is written down behind it counts too
        is_over.set()
        probing.join()
    return max(longest) * 1000, took * 1000, answered or "nothing"


def _probe(port: int, is_over: threading.Event, longest: list[float]) -> None:
    while not is_over.is_set():
        began = time.perf_counter()
        try:
            longest.append(max(load(port, _SMALL, 1, 0.05).latencies))
        except UnexpectedAnswer:  # nothing for so long that nobody waits any more
            longest.append(time.perf_counter() - began)


def _fold(case: str, turns: list[tuple[Turn, Turn]]) -> Pause:
    megabytes = CASES[case]().megabytes
    stock = statistics.median(reference[0] for reference, _ in turns)
    beyond = FREE_MS + MS_A_MEGABYTE * max(0.0, megabytes - FREE_MEGABYTES)
    return Pause(
        case,
        megabytes,
        stock,
        statistics.median(own[0] for _, own in turns),
        stock + beyond,
        statistics.median(own[1] for _, own in turns),
        turns[-1][1][2],
    )


def as_table(pauses: list[Pause]) -> Table:
    """Return the pauses as a table."""
    table = Table(
        title="longest pause of other calls, milliseconds, medians of all rounds",
        caption=f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f}",
    )
    table.add_column("case")
    for name in ("MB", "stock", "boundary", "allowed", "", "call took", "answered"):
        table.add_column(name, justify="right")
    for each in pauses:
        figures = (each.stock, each.boundary, each.allowed)
        cells = [f"{figure:.0f}" for figure in figures]
        met = "" if each.is_met else "OVER"
        table.add_row(
            each.case, f"{each.megabytes:.1f}", *cells, met, f"{each.took:.0f}", each.answered
        )
    return table


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@contextlib.contextmanager
def case_upstream() -> Iterator[int]:
    """Run the upstream that answers each case with its own bytes; yield its port."""
    command = [sys.executable, "-m", "bench.pause_upstream"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env=_environment()
    ) as process:
        try:
            yield int(cast(IO[str], process.stdout).readline())
        finally:
            cast(IO[str], process.stdin).close()


if __name__ == "__main__":
    main()
