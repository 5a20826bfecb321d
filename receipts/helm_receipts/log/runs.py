"""Runs of one writer's receipts in the log, as `order.jsonl` has them.

The file has a line wherever the log goes over to another writer: from `index` on, entries are that
writer's receipts from `number` on. With one writer it is one line. It can be lost: the entries
themselves say the same, only slower. `order` writes it.
"""

import bisect
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from helm_receipts.errors import LogError
from helm_receipts.layout import Layout


def order_file(layout: Layout) -> Path:
    """Return where a log's order is kept."""
    return layout.log_state / "order.jsonl"


@dataclass(frozen=True, slots=True)
class Run:
    """From this index on: this writer's receipts, starting with this number."""

    index: int
    writer: str
    number: int


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a log's first `size` entries, to look receipts up in."""

    runs: tuple[Run, ...]
    size: int

    def index_of(self, writer: str, number: int) -> int:
        """Return the index of a receipt in the log; `LogError` when it isn't in there."""
        ends = [run.index for run in self.runs[1:]] + [self.size]
        for run, end in zip(self.runs, ends, strict=False):
            if run.writer == writer and run.number <= number < run.number + end - run.index:
                return run.index + number - run.number
        raise LogError(
            f"expected receipt {writer}-{number:06d} in the log of {self.size} entries, found it "
            "isn't there yet; `helm-boundary receipts integrate` adds what is missing"
        )

    def at(self, index: int) -> tuple[str, int]:
        """Return whose receipt is at `index`, and which number it has."""
        run = self.runs[bisect.bisect_right(self.runs, index, key=lambda run: run.index) - 1]
        return run.writer, run.number + index - run.index


def read_runs(path: Path, size: int) -> Runs:
    """Read the runs of a log of `size` entries, and change nothing: readers have no lock.

    Raises:
        LogError: the file isn't an order.
    """
    text = path.read_bytes() if path.exists() else b""
    return Runs(tuple(run for run in _parse(text, path) if run.index < size), size)


def _parse(text: bytes, path: Path) -> Iterable[Run]:
    for line in text.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return
        try:
            value = json.loads(line)
            yield Run(value["index"], value["writer"], value["number"])
        except (ValueError, KeyError, TypeError) as error:
            raise LogError(
                f"expected the log's order in {path}, found {line[:60]!r}; "
                "`helm-boundary receipts integrate --rebuild` makes it anew"
            ) from error
