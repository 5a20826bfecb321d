"""Many streams at once: how long they take directly, through stock mitmdump, through the boundary.

Every stream's events come at a fixed pace, so a stream has a natural time; what can't keep up makes
it longer.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import IO, cast

import click

from bench.chats import MODEL
from bench.compare import STOCK, proxy
from bench.cpu import cpu_seconds
from support.boundary import ADDON

_PATIENCE = 60.0
_END = b"\r\n0\r\n\r\n"


class StreamEndedEarly(Exception):
    """A stream without a `[DONE]`; the message has the end of what came."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The times of one turn, in seconds.

    `all` is from the first request to the last byte of all streams; `slowest` and `middle` are of a
    stream from its own first byte to its last, `cpu` is processor time of what served.
    """

    all: float
    slowest: float
    middle: float
    cpu: float


@click.command()
@click.option("--streams", default=200, show_default=True, help="Streams at once.")
@click.option("--events", default=250, show_default=True, help="Events of each stream.")
@click.option("--rate", default=50, show_default=True, help="Events a second of each stream.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each way.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of text.")
def main(streams: int, events: int, rate: int, rounds: int, as_json: bool) -> None:
    """Measure how much longer many streams take than each would by itself."""
    turns: dict[str, list[Turn]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="helm-streams-") as name,
        _ways(Path(name), events, rate) as ways,
    ):
        for _ in range(rounds):
            for way, (port, pid) in ways.items():
                turns.setdefault(way, []).append(measure(port, pid, streams))
    medians = {way: _median(of) for way, of in turns.items()}
    natural = (events - 1) / rate  # from the first event to the last
    if as_json:
        values = {way: asdict(turn) for way, turn in medians.items()}
        print(json.dumps({"natural": natural, **values}))
        return
    print(f"{streams} streams of {events} events, {rate} a second: {natural:.2f} s by themselves")
    for way, turn in medians.items():
        print(
            f"{way:9} middle {turn.middle / natural - 1:+.1%}, slowest "
            f"{turn.slowest / natural - 1:+.1%}; all done after {turn.all:.2f} s, "
            f"CPU {turn.cpu:.2f} s"
        )


def measure(port: int, pid: int, streams: int) -> Turn:
    """Run one turn of so many streams through what listens there."""
    before, begun = cpu_seconds(pid) or 0.0, time.perf_counter()
    lengths = sorted(read_streams(port, streams))
    taken = time.perf_counter() - begun
    cpu = (cpu_seconds(pid) or 0.0) - before
    return Turn(taken, lengths[-1], lengths[len(lengths) // 2], cpu)


@dataclass(slots=True)
class _Reading:
    first: float | None = None
    tail: bytearray = field(default_factory=bytearray)


def read_streams(port: int, streams: int) -> list[float]:
    """Open so many streams at once and read each to its end; return the seconds that each took.

    A stream's time runs from its first byte. Raises `StreamEndedEarly` for one without its last
    event.
    """
    lengths = []
    with selectors.DefaultSelector() as selector:
        for _ in range(streams):
            client = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
            client.sendall(_request())
            selector.register(client, selectors.EVENT_READ, _Reading())
        while selector.get_map():
            for key, _ in selector.select(_PATIENCE):
                client, reading = cast(socket.socket, key.fileobj), cast(_Reading, key.data)
                data = client.recv(1 << 16)
                reading.first = reading.first or time.perf_counter()
                if _is_over(data, reading.tail):
                    lengths.append(time.perf_counter() - reading.first)
                    selector.unregister(client)
                    client.close()
    return lengths


def _is_over(data: bytes, tail: bytearray) -> bool:
    tail += data
    over = not data or tail.endswith(_END)
    if over and b"[DONE]" not in tail:
        raise StreamEndedEarly(f"{bytes(tail[-200:])!r}")
    del tail[:-200]
    return over


@contextlib.contextmanager
def _ways(folder: Path, events: int, rate: int) -> Iterator[dict[str, tuple[int, int]]]:
    """Yield the port and the process of each way to the paced upstream."""
    with _upstream(events, rate) as upstream:
        try:
            port = int(cast(IO[str], upstream.stdout).readline())
            mode = f"reverse:http://127.0.0.1:{port}"
            with (
                proxy(folder / "stock", mode, STOCK, None) as stock,
                proxy(folder / "boundary", mode, ADDON, None) as boundary,
            ):
                yield {
                    "direct": (port, upstream.pid),
                    "stock": (stock.port, stock.pid),
                    "boundary": (boundary.port, boundary.pid),
                }
        finally:
            cast(IO[str], upstream.stdin).close()


def _upstream(events: int, rate: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.paced_upstream", str(events), str(rate)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _request() -> bytes:
    message = {"role": "user", "content": "Tell me about boundaries."}
    body = json.dumps({"model": MODEL, "messages": [message], "stream": True}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: upstream.test\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _median(turns: list[Turn]) -> Turn:
    return Turn(*map(statistics.median, zip(*map(astuple, turns), strict=True)))


if __name__ == "__main__":
    main()
