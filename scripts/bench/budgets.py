"""What budgets cost a call: processor time in the boundary itself, without and with three scopes.

Calls go through the boundary's own steps (recognised, judged, recorded, answered), without a
proxy around them. Each kind has its turn in each round; the median of rounds is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from helm_boundary.budgets.amounts import Amounts
from helm_boundary.budgets.sqlite_store import SqliteStore
from helm_boundary.budgets.store import Claim
from helm_boundary.budgets.windows import Window
from helm_boundary.calls.call import HttpRequest, HttpResponse
from helm_boundary.enforcement.reply import Forward
from helm_boundary.runtime.startup import Running, start
from support.without_proxy import configured

BODY = json.dumps(
    {"model": "gpt-4o", "messages": [{"role": "user", "content": "word " * 180}], "max_tokens": 99}
).encode()
ANSWER = json.dumps(
    {
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": "word " * 100}}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 100, "total_tokens": 300},
    }
).encode()  # fmt: skip
JSON = (("content-type", "application/json"),)
KINDS: dict[str, object] = {
    "no budgets": {},
    "one of calls": {"budgets": {"a": {"limit": {"calls": 10**9}, "window": "day"}}},
    "three scopes, dollars": {
        "budgets": {
            "a": {"per": ["principal"], "limit": {"dollars": 10**6}, "window": "day"},
            "b": {"per": ["model"], "limit": {"tokens": 10**12}, "window": "month"},
            "c": {"limit": {"calls": 10**9}},
        },
        "prices": {"gpt-4o": {"input": 2.5, "output": 10}},
    },
}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400, help="calls of each kind in a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), chosen.calls, chosen.rounds))


async def measure(folder: Path, calls: int, rounds: int) -> None:
    """Run all kinds in turn."""
    running = {name: started(folder, name, data) for name, data in KINDS.items()}
    found: dict[str, list[float]] = {name: [] for name in KINDS}
    for turn in range(rounds + 1):
        for name, boundary in running.items():
            taken = await made(boundary, calls, turn)
            if turn:  # the first one warms up
                found[name].append(taken)
    least = statistics.median(found["no budgets"])
    sys.stdout.write(f"{'':24}processor time a call     beside no budgets\n")
    for name, times in found.items():
        middle, spread = statistics.median(times), statistics.pstdev(times)
        difference = f"{middle - least:+.0f} µs" if name != "no budgets" else ""
        sys.stdout.write(f"{name:24}{middle:6.0f} µs ± {spread:<12.0f}{difference}\n")
    for boundary in running.values():
        boundary.close()
    await measure_store(folder / "store" / "books.sqlite")


async def measure_store(path: Path) -> None:
    """Measure the store alone, with three scopes."""
    store, amounts = SqliteStore(path), Amounts(1, 1000, 500, 12_345)
    span = Window("day").at(time.time_ns())
    claims = [Claim(f"s{at}:principal=a", span, amounts, (10**9,) * 4) for at in range(3)]
    charged = {claim.place: amounts for claim in claims}
    for name, work in (
        ("reserve", lambda call: store.reserve(call, claims)),
        ("settle", lambda call: store.settle(call, charged)),
    ):
        times = []
        for at in range(3000):
            began = time.perf_counter()
            await work(str(at))
            times.append(time.perf_counter() - began)
        cut = statistics.quantiles(times, n=100)
        sys.stdout.write(
            f"store, {name:16} p50 {cut[49] * 1e6:.0f} µs, p99 {cut[98] * 1e6:.0f} µs\n"
        )
    store.close()


def started(folder: Path, name: str, data: object) -> Running:
    """Start a boundary of a kind."""
    place = folder / name.replace(" ", "-")
    place.mkdir()
    (place / "data.yaml").write_text(json.dumps(data))
    return start(configured(place if data else None, folder / f"state-{place.name}"))


async def made(running: Running, calls: int, turn: int) -> float:
    """Make calls one after the other; returns the processor time of each, in microseconds."""
    began = time.process_time()
    for at in range(calls):
        request = HttpRequest(
            "POST", "https", "api.openai.com", 443, "/v1/chat/completions", "", JSON, BODY,
            f"flow-{turn}-{at}",
        )  # fmt: skip
        exchange = await running.boundary.recognise(request)
        if exchange is None:
            raise SystemExit("the call was not recognised")
        verdict = await running.boundary.judge_request(exchange)
        if not isinstance(verdict, Forward):
            raise SystemExit(f"the call was refused: {exchange.progress.decision}")
        await running.answers.judge_response(exchange, HttpResponse(200, JSON, ANSWER))
    return (time.process_time() - began) / calls * 1e6


if __name__ == "__main__":
    main()
