"""What the shipped detectors cost on ordinary text that they haven't seen, in processor time."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from bench.ordinary import draw, installed

_ROOT = Path(__file__).resolve().parents[2]
_WORKER = Path(__file__).with_name("scan_worker.py")
_SIZES = (1_000, 20_000)
_BLOCK = 20
_WARM_UP_SIZE = 20_000
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True)

type Worker = subprocess.Popen[str]


@click.command()
@click.argument("folders", nargs=-1, type=_FOLDER)
@click.option("--texts", default=400, show_default=True, help="Texts of each size and seed.")
@click.option("--seed", "seeds", multiple=True, default=(1, 2, 3), show_default=True)
@click.option(
    "--warm-up", default=1_000, show_default=True, help="Texts of 20 KB read before the first."
)
@click.option("--against", type=_FOLDER, help="Another checkout, set up with its own .venv.")
def main(
    folders: tuple[Path, ...],
    texts: int,
    seeds: tuple[int, ...],
    warm_up: int,
    against: Path | None,
) -> None:
    """Measure scans of ordinary text drawn from FOLDERS, else from what this machine has.

    The automata are made while they read, so a process that has just started is slower: the
    warm-up reads what isn't measured. With --against, both read the same texts in turns.
    """
    checkouts = [_ROOT, *([against] if against else [])]
    places = folders or installed()
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(checkout)) for checkout in checkouts]
        _measure(workers, [each.text for each in draw(places, warm_up, 0, _WARM_UP_SIZE)])
        for size in _SIZES:
            for seed in seeds:
                drawn = [each.text for each in draw(places, texts, seed, size)]
                costs = _measure(workers, drawn)
                click.echo(f"{size:6} bytes, seed {seed}: {'; before: '.join(map(_told, costs))}")


@contextmanager
def _worker(checkout: Path) -> Iterator[Worker]:
    """Start what scans with a checkout's code."""
    places = os.pathsep.join(str(checkout / name) for name in ("addon", "receipts"))
    with subprocess.Popen(
        [checkout / ".venv" / "bin" / "python", _WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": places},
    ) as process:
        yield process


def _measure(workers: Sequence[Worker], texts: Sequence[str]) -> list[list[float]]:
    """Return each worker's microseconds; they read the same texts in turns, each first in half."""
    costs: list[list[float]] = [[] for _ in workers]
    for at in range(0, len(texts), _BLOCK):
        line = json.dumps(texts[at : at + _BLOCK])
        pairs = [*zip(workers, costs, strict=True)]
        for worker, cost in pairs if at % (2 * _BLOCK) else reversed(pairs):
            if worker.stdin is None or worker.stdout is None:
                raise TypeError("a worker is asked through pipes")
            print(line, file=worker.stdin, flush=True)
            cost += json.loads(worker.stdout.readline())
    return costs


def _told(costs: Sequence[float]) -> str:
    ordered = sorted(costs)
    median, ninth = statistics.median(ordered), ordered[len(ordered) * 9 // 10]
    return f"median {median:.1f} µs, mean {statistics.mean(ordered):.1f}, p90 {ninth:.1f}"


if __name__ == "__main__":
    main()
