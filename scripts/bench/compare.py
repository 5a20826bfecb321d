"""Stock mitmdump, another checkout's boundary, or ours without extras, beside ours.

Both have the same upstream and the same load, turn by turn.
"""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import IO, cast

import click
from rich.console import Console
from rich.progress import Progress

from bench.chats import CASES, Case, request
from bench.cpu import cpu_seconds, own_cpu_seconds
from bench.load import Sample, load
from bench.report import Comparison, Difference, Round, as_table, as_values
from support.boundary import ADDON, Boundary

QUIET = {"flow_detail": 0}
# Stock mitmdump waits for the end of a stream; that would flatter the boundary.
STOCK = Path(__file__).with_name("pass_streams.py")
WARM_UP_SECONDS = 1.0


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Turns of each proxy at each case.")
@click.option("--seconds", default=1.5, show_default=True, help="How long a turn lasts.")
@click.option("--only", default="", help="Only cases whose name contains this, such as 'JSON'.")
@click.option(
    "--policy", type=click.Path(path_type=Path), help="A policy folder; else the default."
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="Another checkout, set up with its own .venv, in place of stock mitmdump.",
)
@click.option(
    "--extras",
    is_flag=True,
    help="The boundary with the page, metrics, traces and decision logs, beside one without; "
    "the processor time is the boundary's own process's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def main(
    rounds: int,
    seconds: float,
    only: str,
    policy: Path | None,
    against: Path | None,
    extras: bool,
    as_json: bool,
) -> None:
    """Measure the boundary beside stock mitmdump, or another checkout's, and print ratios."""
    cases = [case for case in CASES if only in str(case)]
    if not cases:
        raise click.UsageError(
            f"no case contains {only!r}; there are: {'; '.join(map(str, CASES))}"
        )
    with tempfile.TemporaryDirectory(prefix="helm-bench-") as name, lean_upstream() as port:
        mode = f"reverse:http://127.0.0.1:{port}"
        state = Path(name) / "reference"
        if against:
            other = other_boundary(against, state, mode, policy)
        else:
            other = proxy(state, mode, ADDON if extras else STOCK, policy if extras else None)
        count = own_cpu_seconds if extras else cpu_seconds
        more = with_everything(Path(name)) if extras else {}
        own = proxy(Path(name) / "boundary", mode, ADDON, policy, more)
        with other as reference, own as boundary:
            compared = compare(reference, boundary, cases, rounds, seconds, count)
    beside = "the boundary without extras" if extras else str(against or "stock mitmdump")
    if as_json:
        print(json.dumps(as_values(compared, beside)))
    else:
        # Cut columns say nothing: what is no terminal gets the width that it takes.
        Console(width=None if sys.stdout.isatty() else 180).print(as_table(compared, beside))


def with_everything(folder: Path) -> dict[str, object]:
    """Return the options that turn on all that is off by default."""
    return {
        "helm_page": "127.0.0.1:0",
        "helm_metrics": "127.0.0.1:0",
        "helm_telemetry": True,
        "helm_decision_logs": folder / "decisions.jsonl",
    }


def compare(
    reference: Boundary,
    boundary: Boundary,
    cases: list[Case],
    rounds: int,
    seconds: float,
    count: Callable[[int], float | None] = cpu_seconds,
) -> list[Comparison]:
    """Run every case in every round, the two proxies in turn, and fold the rounds to medians."""
    turns: dict[Case, list[tuple[Round, Round]]] = {case: [] for case in cases}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=rounds * len(cases))
        for case in cases:
            for proxy in (reference, boundary):
                load(proxy.port, request(case), case.connections, WARM_UP_SECONDS)
        for number in range(rounds):
            for case in cases:
                # Who goes first changes, so that what the machine does meanwhile hits both.
                order = (reference, boundary) if number % 2 == 0 else (boundary, reference)
                found = {proxy: measure(proxy, case, seconds, count) for proxy in order}
                turns[case].append((found[reference], found[boundary]))
                progress.advance(task)
    return [fold(case, pairs) for case, pairs in turns.items()]


def measure(
    proxy: Boundary,
    case: Case,
    seconds: float,
    count: Callable[[int], float | None] = cpu_seconds,
) -> Round:
    """Load a proxy for a turn; raise unless what answers is what should be measured."""
    before = count(proxy.pid)
    sample = load(proxy.port, request(case), case.connections, seconds)
    after = count(proxy.pid)
    governed = b"x-helm-verdict: allow" in sample.head.lower()
    if governed == (str(STOCK) in proxy.command):
        raise RuntimeError(f"expected the verdict's headers from boundaries only: {sample.head!r}")
    used = after - before if before is not None and after is not None else math.nan
    return fold_sample(sample, used)


def fold_sample(sample: Sample, cpu: float) -> Round:
    """Return a turn's figures; `cpu` in seconds."""
    latencies = sorted(sample.latencies)
    return Round(
        len(latencies) / sample.seconds,
        _percentile(latencies, 50),
        _percentile(latencies, 99),
        _percentile(sorted(sample.first_events), 50),
        cpu / len(latencies) * 1000,
    )


def fold(case: Case, pairs: list[tuple[Round, Round]]) -> Comparison:
    """Return a case's medians, and how far the turns were apart."""
    differences = [
        Difference(
            with_.calls_a_second / reference.calls_a_second,
            with_.p50 - reference.p50,
            with_.p99 - reference.p99,
            with_.first_event - reference.first_event,
            with_.cpu - reference.cpu,
        )
        for reference, with_ in pairs
    ]
    columns = list(zip(*map(astuple, differences), strict=True))
    return Comparison(
        str(case),
        median_round([reference for reference, _ in pairs]),
        median_round([boundary for _, boundary in pairs]),
        added=Difference(*map(statistics.median, columns)),
        spread=Difference(*map(_spread, columns)),
    )


@contextlib.contextmanager
def lean_upstream() -> Iterator[int]:
    """Run the lean upstream in a process of its own; yield its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.lean_upstream"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield int(cast(IO[str], process.stdout).readline())
        finally:
            cast(IO[str], process.stdin).close()


def proxy(
    state: Path,
    mode: str,
    addon: Path,
    policy: Path | None,
    options: Mapping[str, object] | None = None,
) -> Boundary:
    """Return a mitmdump that prints no flows, with the boundary or with the least instead of it."""
    quiet = {**QUIET, **(options or {})}
    return Boundary(state=state, mode=mode, addon=addon, policy=policy, options=quiet)


def other_boundary(checkout: Path, state: Path, mode: str, policy: Path | None) -> Boundary:
    """Return the boundary of another checkout, in the Python that was set up there.

    Raises:
        click.UsageError: there is no such checkout, or it isn't set up.
    """
    program, addon = checkout / ".venv" / "bin" / "mitmdump", checkout / "addon" / ADDON.name
    for needed in (program, addon):
        if not needed.exists():
            raise click.UsageError(
                f"--against: expected {needed}, found none; run scripts/setup in a checkout"
            )
    options = QUIET | {"helm_state": state / "helm"}
    # PYTHONPATH has this checkout's folders for the bench itself.
    return Boundary(
        state=state,
        mode=mode,
        addon=addon,
        policy=policy,
        options=options,
        program=str(program),
        env={"PYTHONPATH": ""},
    )


def _spread(values: Sequence[float]) -> float:
    """Return half of the distance between the quartiles, by nearest rank."""
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return (ordered[-1 - quarter] - ordered[quarter]) / 2


def median_round(rounds: Sequence[Round]) -> Round:
    """Return the median of each figure over several turns."""
    return Round(*map(statistics.median, zip(*map(astuple, rounds), strict=True)))


def _percentile(ordered: list[float], percent: int) -> float:
    """Return a percentile in milliseconds, by nearest rank."""
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000


if __name__ == "__main__":
    main()
