"""A conversation judged through the whole policy, and again with one more turn.

The second time its earlier texts are known: what was found in them isn't sought again, and policy
decides anew.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

import click

from bench.budgets import JSON, started
from bench.ordinary import draw, installed
from helm_boundary.calls.call import HttpRequest
from helm_boundary.enforcement.reply import Forward
from helm_boundary.runtime.startup import Running

_TURNS = ("first turn", "with one more", "the same again")
_ROLES = ("user", "assistant")
_QUIET = (Path(__file__).parents[1] / "bench", Path(__file__).parents[2] / "docs")
"""Text without alarms, so that the policy allows the call."""

type Costs = dict[str, list[tuple[float, float]]]


@click.command()
@click.option("--messages", default=200, show_default=True, help="Messages of a conversation.")
@click.option("--kilobytes", default=5, show_default=True, help="Size of each message.")
@click.option("--conversations", default=9, show_default=True, help="Each is a new one.")
def main(messages: int, kilobytes: int, conversations: int) -> None:
    """Judge conversations, 1 MB each, and print what each of their turns costs.

    From the request's bytes to its durable receipt, with the default policy: in milliseconds, by
    the clock and of the boundary's own processor time (the policy's worker has its own).
    """
    with tempfile.TemporaryDirectory(prefix="helm-bench-") as folder:
        costs = asyncio.run(_measure(Path(folder), messages, kilobytes * 1_000, conversations))
    for turn, found in costs.items():
        clock, processor = (statistics.median(each) for each in zip(*found, strict=True))
        click.echo(f"{turn:16} {clock:7.1f} ms, of processor time {processor:7.1f} ms")


async def _measure(folder: Path, messages: int, size: int, conversations: int) -> Costs:
    running = started(folder, "conversation", {})
    costs: Costs = {turn: [] for turn in _TURNS}
    try:
        for number in range(conversations + 1):
            said = _conversation(messages + 2, size, number)
            for turn, count in zip(_TURNS, (messages, messages + 2, messages + 2), strict=True):
                cost = await _judged(running, said[:count], f"{number}-{turn}")
                if number:  # the first one finds everything cold
                    costs[turn].append(cost)
    finally:
        running.close()
    return costs


def _conversation(messages: int, size: int, number: int) -> list[dict[str, str]]:
    """Return messages of words that this machine's documents have, no two alike."""
    words = " ".join(each.text for each in draw(_QUIET, 50, number) or draw(installed(), 50, 0))
    dice = random.Random(number)  # noqa: S311 - it draws samples
    known = words.split()
    said = []
    for at in range(messages):
        text = f"{number}.{at} "
        while len(text) < size:
            start = dice.randrange(len(known))
            text += " ".join(known[start : start + 40]) + "\n"
        said.append({"role": _ROLES[at % 2], "content": text[:size]})
    return said


async def _judged(running: Running, said: list[dict[str, str]], name: str) -> tuple[float, float]:
    """Judge a request; returns milliseconds by the clock and of processor time."""
    body = json.dumps({"model": "gpt-4o", "messages": said}, ensure_ascii=False).encode()
    request = HttpRequest(
        "POST", "https", "api.openai.com", 443, "/v1/chat/completions", "", JSON, body, name
    )
    clock, processor = time.perf_counter(), time.process_time()
    exchange = await running.boundary.recognise(request)
    verdict = await running.boundary.judge_request(exchange) if exchange else None
    spent = time.perf_counter() - clock, time.process_time() - processor
    if exchange is None or not isinstance(verdict, Forward):
        raise click.ClickException(f"refused: {exchange and exchange.progress.decision}")
    return spent[0] * 1e3, spent[1] * 1e3


if __name__ == "__main__":
    main()
