"""The order of the log, written as the log grows. `runs` describes the file and reads it."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from helm_receipts.storage import durable

from .runs import Run, read_runs


class Order:
    """The order that a log is being written in, for the process that holds the log's lock."""

    def __init__(self, path: Path, runs: Iterable[Run]) -> None:
        self._path = path
        self._runs = list(runs)
        self._new: list[Run] = []

    @classmethod
    def resume(cls, path: Path, size: int) -> Self:
        """Go on with the order of a log of `size` entries, cutting off what a crash left beyond.

        Only under the log's lock: a reader that did this would delete the integrator's newest run.
        """
        text = path.read_bytes() if path.exists() else b""
        runs = read_runs(path, size).runs
        if text != _text(runs):
            durable.replace_file(path, _text(runs), 0o600)
        return cls(path, runs)

    def note(self, index: int, writer: str, number: int) -> None:
        """Say whose receipt is at `index`; only a change of writer makes a new run."""
        if not self._runs or self._runs[-1].writer != writer:
            run = Run(index, writer, number)
            self._runs.append(run)
            self._new.append(run)

    def save(self) -> None:
        """Make the runs that are new durable."""
        if not self._new:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            durable.write_all(descriptor, _text(self._new))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        durable.sync_folder(self._path.parent)
        self._new = []


def _text(runs: Sequence[Run]) -> bytes:
    return b"".join(
        f'{{"index":{run.index},"number":{run.number},"writer":"{run.writer}"}}\n'.encode()
        for run in runs
    )
