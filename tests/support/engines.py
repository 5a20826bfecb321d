"""A state wherever it is kept, for tests that every engine must pass: a folder, or PostgreSQL."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Protocol

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.keys import keys
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.export.select import Follower
from helm_receipts.journal.beginnings import PRUNINGS
from helm_receipts.journal.reader import written_lines
from helm_receipts.journal.segments import list_segments
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording.recorder import Recorder
from support.postgresql import migrated
from support.receipts import CONFIGURATION
from support.table_state import TableState


class State(Protocol):
    """Where receipts are kept in a test."""

    @property
    def arguments(self) -> list[str]:
        """What a recording process is told: its own folder, and the database if there is one."""
        ...

    @property
    def options(self) -> dict[str, Any]:
        """What a boundary is told."""
        ...

    @property
    def shared(self) -> SharedState:
        """The state as people's commands see it."""
        ...

    @property
    def named(self) -> list[str]:
        """The options of commands that name it."""
        ...

    @property
    def registrations(self) -> int:
        """How many receipts of its own the first session writes: a database learns of a key."""
        ...

    @property
    def recorded(self) -> dict[str, Any]:
        """What `support.receipts` is told, so that it records there."""
        ...

    def open(self) -> Recorder:
        """Open a recorder there."""
        ...

    def new_predicates(self) -> list[dict[str, Any]]:
        """Return what each receipt says that came since the last call."""
        ...

    def folder(self) -> Path:
        """Return a folder with all receipts and the log, brought up to date."""
        ...

    @property
    def own(self) -> Layout:
        """The folder that has the receipt key which signs here."""
        ...

    @property
    def place(self) -> list[str]:
        """The option of commands that only read it."""
        ...

    @property
    def auditor(self) -> list[str]:
        """The options that name its keys of today, for an auditor's commands."""
        ...

    def settle(self) -> None:
        """Have all receipts in the log, under its checkpoint."""
        ...

    def rotate(self, role: str, *more: str) -> Result:
        """Run `keys rotate`; beside a database with a log service as it needs one, or none."""
        ...

    def drop(self, writer: str, numbers: range) -> None:
        """Delete receipts of a writer, as somebody who hides something would."""
        ...

    def claim_pruned(self, writer: str, last: int, receipt: bytes) -> None:
        """Put a receipt to those that say what was pruned."""
        ...

    def forget_prunings(self) -> None:
        """Delete the receipts that say what was pruned."""
        ...

    def backup(self) -> str:
        """Keep what there is now; returns its name."""
        ...

    def restore(self, name: str) -> None:
        """Put a backup in place, as an operator would."""
        ...


class FolderState:
    """A state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._follower = Follower(state / "journal")
        self.arguments = [str(state)]
        self.options: dict[str, Any] = {"helm_state": state}
        self.shared = SharedState(Layout(state))
        self.recorded: dict[str, Any] = {"state": state}
        self.registrations = 0
        self.named = ["--state", str(state)]

    def open(self) -> Recorder:
        """Open a recorder on the folder."""
        return Recorder.open(self._state, version="0.1.0", configuration=CONFIGURATION)

    def new_predicates(self) -> list[dict[str, Any]]:
        """Follow the journal, if there is one yet."""
        if not (self._state / "journal").is_dir():
            return []
        return [record.predicate for record in self._follower.poll()]

    def folder(self) -> Path:
        """Return the folder."""
        return self._state

    @property
    def own(self) -> Layout:
        """The folder."""
        return Layout(self._state)

    @property
    def place(self) -> list[str]:
        """All of the name."""
        return self.named

    @property
    def auditor(self) -> list[str]:
        """What is published."""
        log = self._state / "log"
        return ["--key", str(log / "receipt.pub.pem"), "--vkey", str(log / "log.vkey")]

    def settle(self) -> None:
        """Leave it: what records here keeps the log up."""

    def rotate(self, role: str, *more: str) -> Result:
        """Rotate a key of the folder."""
        return CliRunner().invoke(keys, ["rotate", role, *self.named, *more])

    def drop(self, writer: str, numbers: range) -> None:
        """Delete lines; a file of which none is left goes."""
        for segment in list_segments(self._state / "journal" / writer):
            lines = list(written_lines(segment))
            left = [line.raw for number, line in enumerate(lines, int(segment.stem))
                    if number not in numbers]  # fmt: skip
            if not left:
                segment.unlink()
            elif len(left) < len(lines):
                segment.write_bytes(b"".join(raw + b"\n" for raw in left))

    def claim_pruned(self, writer: str, last: int, receipt: bytes) -> None:
        """Add a line to the file of them."""
        with (self._state / PRUNINGS).open("ab") as file:
            file.write(receipt + b"\n")

    def forget_prunings(self) -> None:
        """Delete the file of them."""
        (self._state / PRUNINGS).unlink()

    def backup(self) -> str:
        """Copy the folder, as docs/operations.md says."""
        name = f"{self._state}-backup"
        shutil.copytree(self._state, name, ignore=shutil.ignore_patterns("index"))
        return name

    def restore(self, name: str) -> None:
        """Copy it back; the index isn't part of it."""
        for path in self._state.iterdir():
            if path.name != "index":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(name, self._state, dirs_exist_ok=True)


def check(state: Path) -> FsckReport:
    """Run fsck with the published keys."""
    known = read_published(Layout(state))
    return fsck(state, [k.key for k in known.receipt], [known.log[-1].key])


ENGINES = ("folder", "postgresql")


@pytest.fixture(params=ENGINES)
def any_state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    """Return a state of each kind."""
    return state_in(request, tmp_path)


def state_in(request: pytest.FixtureRequest, folder: Path) -> State:
    """Return a state of the kind that a fixture is asked for, for fixtures of any scope."""
    if request.param == "folder":
        return FolderState(folder / "state")
    server = request.getfixturevalue("postgresql")
    return TableState(folder / "state", migrated(server), server=server)
