"""The processor time that a proxy has used: a measure that busy neighbours disturb least."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float | None:
    """Return user and system time of a process and its children; None where there is no /proc."""
    try:
        return sum(_own_seconds(one) for one in (pid, *children(pid)))
    except FileNotFoundError:
        return None


def own_cpu_seconds(pid: int) -> float | None:
    """Return a process's own user and system time, without its children's; None as above."""
    try:
        return _own_seconds(pid)
    except FileNotFoundError:
        return None


def _own_seconds(pid: int) -> float:
    # proc(5): utime and stime are fields 14 and 15; the second field may contain spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, without theirs."""
    # A process is its maker's, thread by thread.
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for children in found for child in children.read_text().split()]
