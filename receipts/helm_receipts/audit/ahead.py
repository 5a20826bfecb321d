"""Lines checked on all cores, by several processes of this module that are asked over pipes.

Not `multiprocessing`: it starts its processes from the current folder and hands them our whole
path, and whoever checks a folder from somebody else may well stand in it.

What the other processes find is only used when they accept: a line that one of them refuses, or
that one of them crashed on, is checked again here, so that one place says what is wrong.
"""

import contextlib
import gc
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, cast

from helm_receipts.envelope.public_keys import PublicKey, public_key
from helm_receipts.errors import Broken
from helm_receipts.journal.reader import Line
from helm_receipts.storage import isolated

from .checked_line import Check, CheckedLine, check_line

_NOWHERE = Path()
_CHUNK_LINES = 256
_CHUNKS_AHEAD = 8

# A checked line between processes: tuples travel faster than objects.
_Travelling = tuple[str, str, bytes, dict[str, Any]] | None


@contextmanager
def start_checkers(count: int) -> Iterator[Check]:
    """Start processes that check lines, for as long as the `with` block lasts."""
    with _Checkers(count) as checkers:
        yield checkers.check_each


class _Checkers:
    """Processes that check lines, and the threads that wait for them."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="checkers")
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._all = [_start() for _ in range(count)]
        for process in self._all:
            self._idle.put(process)

    def check_each(
        self, lines: Iterator[Line], keys: Mapping[str, PublicKey]
    ) -> Iterator[tuple[Line, CheckedLine | None]]:
        """Do what `checked_line.check_each` does, in other processes while this one goes on."""
        raw_keys = [key.raw for key in keys.values()]
        ahead: deque[tuple[list[Line], Future[list[_Travelling]]]] = deque()
        while True:
            while len(ahead) < _CHUNKS_AHEAD and (chunk := list(islice(lines, _CHUNK_LINES))):
                raw = [line.raw for line in chunk]
                ahead.append((chunk, self._threads.submit(self._ask, raw, raw_keys)))
            if not ahead:
                return
            chunk, checked = ahead.popleft()
            for line, found in zip(chunk, checked.result(), strict=True):
                yield line, CheckedLine(*found) if found else None

    def _ask(self, raw: list[bytes], raw_keys: list[bytes]) -> list[_Travelling]:
        """Have lines checked by a process; None for each that isn't known to be good."""
        process = self._idle.get()
        try:
            pickle.dump((raw, raw_keys), cast(Any, process.stdin))
            cast(Any, process.stdin).flush()
            return cast(list[_Travelling], pickle.load(cast(Any, process.stdout)))  # noqa: S301 - ours
        except (OSError, EOFError, ValueError, pickle.PickleError):
            return [None] * len(raw)
        finally:
            self._idle.put(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        for process in self._all:
            process.kill()
            with contextlib.suppress(OSError):  # what it was never told
                process.__exit__(None, None, None)


def main() -> None:
    """Check lines by themselves until there are no more, in a process of its own."""
    gc.disable()  # nothing here has cycles, and looking for some costs a tenth
    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while True:
            raw_lines, raw_keys = pickle.load(sys.stdin.buffer)  # noqa: S301 - our parent's
            pickle.dump(_check_chunk(raw_lines, raw_keys), sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        isolated.run_module("helm_receipts.audit.ahead"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=isolated.bare_environment(),
    )


def _check_chunk(raw_lines: Sequence[bytes], raw_keys: Sequence[bytes]) -> list[_Travelling]:
    keys = {key.keyid: key for key in map(public_key, raw_keys)}
    return [_checked_or_none(raw, keys) for raw in raw_lines]


def _checked_or_none(raw: bytes, keys: Mapping[str, PublicKey]) -> _Travelling:
    try:
        checked = check_line(Line(_NOWHERE, 0, raw), keys)
        return checked.keyid, checked.digest, checked.entry, _needed(checked.predicate)
    except (Broken, KeyError, TypeError, AttributeError):
        return None


def _needed(predicate: dict[str, Any]) -> dict[str, Any]:
    """Take out what the rules about other lines look at; the rest needn't travel."""
    needed = {name: predicate[name] for name in ("phase", "sequence", "decidedAt")}
    if "flow" in predicate:
        needed["flow"] = {"id": predicate["flow"]["id"]}
    if "event" in predicate:
        needed["event"] = predicate["event"]
    return needed


if __name__ == "__main__":
    main()
