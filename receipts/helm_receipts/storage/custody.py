"""Custody of a state folder: whether it, the way to it and what is in it are nobody else's.

Looked at before anything in it is used. What is deeper was made by us in a folder that nobody
else can write, so it isn't looked at one by one.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from helm_receipts.errors import StateRefused
from helm_receipts.layout import Layout

from .ownership import (
    READ,
    WRITE,
    Fault,
    Keepers,
    access_list,
    fault_of,
    faults_on_the_way,
    keepers,
)


def refuse_foreign_state(state: Path) -> None:
    """Refuse a state folder that others could change, or whose keys they can read.

    Raises:
        StateRefused: it names the first such thing.
    """
    fault = next(state_faults(state, keepers()), None)
    if fault is not None:
        raise StateRefused(str(fault))


def state_faults(state: Path, by: Keepers) -> Iterator[Fault]:
    """List all that is wrong with a state folder, the outermost first; nothing where none is."""
    yield from faults_on_the_way(state, by)
    if not state.exists():
        return
    yield from _faults(state.resolve(), by, WRITE)
    layout = Layout(state)
    for entry in _entries(state):
        yield from _faults(entry, by, WRITE)
    for folder in (layout.keys, layout.run, layout.log, layout.log_state, layout.quarantine):
        for entry in _entries(folder):
            yield from _faults(entry, by, READ | WRITE if folder == layout.keys else WRITE)
    for writer in _entries(layout.journal):
        yield from _faults(writer, by, WRITE)
        for entry in _entries(writer):
            yield from _faults(entry, by, WRITE)


def _faults(path: Path, by: Keepers, to: int) -> Iterator[Fault]:
    try:
        status = path.lstat()
    except FileNotFoundError:  # gone meanwhile: others may run on it
        return
    fault = _foreign_kind(path, status) or fault_of(path, status, access_list(path), by, to)
    if fault is not None:
        yield fault


def _foreign_kind(path: Path, status: os.stat_result) -> Fault | None:
    """Refuse links, which lead elsewhere, and pipes, which wait for their other end when opened."""
    mode = status.st_mode
    if stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode):
        return None
    found = "a link" if stat.S_ISLNK(mode) else "a pipe or a device"
    remedy = "remove it, or put in its place what it stands for"
    return Fault(path, "be a plain file or a folder", found, remedy)


def _entries(folder: Path) -> Iterator[Path]:
    """List what is in a folder; nothing where it is none, or a link to one."""
    if folder.is_dir() and not folder.is_symlink():
        yield from sorted(folder.iterdir())
