"""The boundary beside stock mitmdump, LiteLLM's proxy and no proxy at all, before one nginx.

Each has its turn in each round, with the same load. LiteLLM runs with one worker, without a guard,
a key or a database; the boundary with all that it has on. LiteLLM is whatever program is named:
`pip install 'litellm[proxy]'` in a folder of its own, as it pins much.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.chats import CASES, MODEL, Case, request
from bench.compare import STOCK, WARM_UP_SECONDS, fold_sample, median_round, proxy
from bench.cpu import cpu_seconds
from bench.load import load
from bench.nginx import nginx, wait_until_listening
from bench.report import Round
from support.approvals import free_port
from support.boundary import ADDON

_START_SECONDS = 120.0
_LITELLM = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks a public address for prices
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # nobody else reaches it
    "LITELLM_LOG": "ERROR",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that answers on a port; `pid` is its process, None for nginx itself."""

    port: int
    pid: int | None


@click.command()
@click.option("--litellm", type=click.Path(path_type=Path, exists=True), help="Its program.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each at each case.")
@click.option("--seconds", default=2.0, show_default=True, help="How long a turn lasts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def main(litellm: Path | None, rounds: int, seconds: float, as_json: bool) -> None:
    """Measure each peer at each case, and print the medians."""
    with tempfile.TemporaryDirectory(prefix="helm-bench-") as name:
        folder = Path(name)
        try:
            found = measure(folder, litellm, rounds, seconds)
        except (FileNotFoundError, ChildProcessError) as error:
            raise click.ClickException(str(error)) from error
    if as_json:
        values = {
            str(case): {name: asdict(one) for name, one in row.items()} for case, row in found
        }
        print(json.dumps(values))
    else:
        Console(width=None if sys.stdout.isatty() else 120).print(_table(found))


type Rows = list[tuple[Case, dict[str, Round]]]
"""Each case with the medians of each peer."""


def measure(folder: Path, litellm: Path | None, rounds: int, seconds: float) -> Rows:
    """Load each peer in turn, first with whole answers, then with streams."""
    rows: Rows = []
    (folder / "nginx").mkdir()
    with nginx(folder / "nginx") as ports, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("measuring", total=rounds * len(CASES))
        for kind, upstream in ports.items():
            cases = [case for case in CASES if case.stream == (kind == "SSE")]
            with contextlib.ExitStack() as stack:
                peers = _start(stack, folder / kind, upstream, litellm)
                for case in cases:
                    rows.append((case, _medians(peers, case, rounds, seconds)))
                    progress.advance(task, rounds)
    return rows


def _start(
    stack: contextlib.ExitStack, folder: Path, upstream: int, litellm: Path | None
) -> dict[str, Peer]:
    peers = {"no proxy": Peer(upstream, None)}
    mode = f"reverse:http://127.0.0.1:{upstream}"
    for name, addon in (("stock mitmdump", STOCK), ("helm-boundary", ADDON)):
        one = stack.enter_context(proxy(folder / addon.stem, mode, addon, None))
        peers[name] = Peer(one.port, one.pid)
    if litellm is not None:
        peers["LiteLLM"] = stack.enter_context(_litellm(litellm, folder / "litellm", upstream))
    return peers


@contextlib.contextmanager
def _litellm(program: Path, folder: Path, upstream: int) -> Iterator[Peer]:
    """Run LiteLLM's proxy with one worker before an upstream, for as long as this lasts."""
    folder.mkdir(parents=True)
    model = {
        "model_name": MODEL,
        "litellm_params": {
            "model": f"openai/{MODEL}",
            "api_base": f"http://127.0.0.1:{upstream}/v1",
            "api_key": "made-up",
        },
    }
    # JSON is YAML.
    file = folder / "config.yaml"
    file.write_text(json.dumps({"model_list": [model], "litellm_settings": {"num_retries": 0}}))
    port = free_port()
    command = [program, "--config", file, "--host", "127.0.0.1", "--port", str(port)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*map(str, command), "--num_workers", "1"],
            env=os.environ | _LITELLM | {"HOME": str(folder)},
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            wait_until_listening(port, process, _START_SECONDS)
            yield Peer(port, process.pid)
        finally:
            process.terminate()


def _medians(
    peers: Mapping[str, Peer], case: Case, rounds: int, seconds: float
) -> dict[str, Round]:
    turns: dict[str, list[Round]] = {name: [] for name in peers}
    for peer in peers.values():
        load(peer.port, request(case), case.connections, WARM_UP_SECONDS)
    for _ in range(rounds):
        for name, peer in peers.items():
            before = _seconds(peer)
            sample = load(peer.port, request(case), case.connections, seconds)
            turns[name].append(fold_sample(sample, _seconds(peer) - before))
    return {name: median_round(found) for name, found in turns.items()}


def _seconds(peer: Peer) -> float:
    return (cpu_seconds(peer.pid) or 0.0) if peer.pid else 0.0


def _table(rows: Rows) -> Table:
    table = Table("", "", "calls/s", "p50", "p99", "first event", "CPU", caption="times in ms")
    for case, found in rows:
        for at, (name, one) in enumerate(found.items()):
            times = (one.p50, one.p99, one.first_event, one.cpu)
            cells = [f"{value:.2f}" for value in times]
            table.add_row("" if at else str(case), name, f"{one.calls_a_second:,.0f}", *cells)
        table.add_section()
    return table


if __name__ == "__main__":
    main()
