"""What is told of calls waits in this process, not in the boundary's socket."""

from __future__ import annotations

import os

from helm_boundary.telemetry.backlog import read_ahead


def test_lines_are_read_before_anybody_takes_them() -> None:
    there, here = os.pipe()
    os.set_blocking(here, False)
    line = b"x" * 999 + b"\n"
    with os.fdopen(there, "rb") as file:
        lines = read_ahead(file)
        left = 2000 * line  # 2 MB: many times what a pipe holds
        while left:
            try:
                left = left[os.write(here, left) :]
            except BlockingIOError:
                os.sched_yield()
        os.close(here)
        assert list(lines) == [line] * 2000


def test_lines_end_with_the_file() -> None:
    there, here = os.pipe()
    os.write(here, b"one\ntwo")
    os.close(here)
    with os.fdopen(there, "rb") as file:
        assert list(read_ahead(file)) == [b"one\n", b"two"]
