"""Copies of a database's receipts, for commands that read: they find a folder, as ever.

A copy in the user's cache folder is only brought up to date, and has no more than the database:
where that can't be reached the command ends, so that nobody takes an old copy for what is there
now, and what was pruned there goes from the copy too. Whoever checks reads all anew, into a
folder that is gone afterwards: what was copied before proves nothing of the database now.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from platformdirs import user_cache_path

from helm_boundary.runtime.state_folder import default_state_folder
from helm_receipts.database.address import Address, is_address
from helm_receipts.errors import LogError, ReceiptError, StateRefused
from helm_receipts.journal.beginnings import pruning_lines
from helm_receipts.journal.journal import take_lock
from helm_receipts.layout import Layout
from helm_receipts.storage import durable

from .exits import NO, CommandError
from .state import DatabaseAddress
from .state_folder import StateFolder

_LOCK_SECONDS = 60.0
_PULL_SECONDS = 1.0

type Command = Callable[..., Any]


class Contradiction(CommandError):
    """A database that contradicts itself, or what was copied of it before."""

    def __init__(self, error: LogError) -> None:
        super().__init__(f"NOT VERIFIED: {error}", NO)
        self.error = error


class StateName(StateFolder):
    """A folder, or a database's address."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder or the address."""
        if isinstance(value, str) and is_address(value):
            return DatabaseAddress().convert(value, param, ctx)
        return super().convert(value, param, ctx)


class PlaceName(StateName):
    """A folder, a database's address, or that of a served log."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder, the address, or the URL as it is."""
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            return value
        return super().convert(value, param, ctx)


def layout_of(
    context: click.Context, value: Path | Address, *, anew: bool, follows: bool
) -> Layout:
    """Return a state's folder: itself, or a copy of the database's, for as long as the command.

    Raises CommandError, `Contradiction` for what isn't merely out of reach.
    """
    if isinstance(value, Path):
        return Layout(value)
    try:
        if anew:
            return context.with_resource(_fresh_copy(value))
        return context.with_resource(_kept_copy(value, follows=follows))
    except LogError as error:
        raise Contradiction(error) from error
    except ReceiptError as error:
        raise CommandError(str(error)) from error


@contextmanager
def _fresh_copy(address: Address) -> Iterator[Layout]:
    with tempfile.TemporaryDirectory(prefix="helm-") as folder:
        layout = Layout(Path(folder) / "state")
        pull_into(address, layout)
        yield layout


@contextmanager
def _kept_copy(address: Address, *, follows: bool) -> Iterator[Layout]:
    name = hashlib.sha256(str(address).encode()).hexdigest()[:32]
    layout = Layout(user_cache_path("helm-boundary", appauthor=False) / "pulled" / name)
    known = pruning_lines(layout.state) if layout.journal.is_dir() else None
    try:
        pull_into(address, layout)
    except StateRefused as error:
        if not is_pruned_beyond(error):
            raise
        _copy_again(address, layout)
    except LogError as error:
        raise LogError(f"{error}, as evidence of it: move {layout.state} away, then the command "
                       "copies all anew") from error  # fmt: skip
    if known is not None and known != pruning_lines(layout.state):
        _copy_again(address, layout)
    ended = threading.Event()
    if follows:
        threading.Thread(target=_keep_pulling, args=(address, layout, ended), daemon=True).start()
    try:
        yield layout
    finally:
        ended.set()


def _copy_again(address: Address, layout: Layout) -> None:
    """Copy all anew: what was pruned isn't kept by those who only looked."""
    shutil.rmtree(layout.state)
    pull_into(address, layout)


def pull_into(address: Address, layout: Layout) -> Any:
    """Bring a folder up to a database, one process at a time; returns what was new."""
    from helm_receipts.database.connections import connect, unavailable
    from helm_receipts.database.migrations import require_current
    from helm_receipts.tables.pull import pull

    durable.make_folder(layout.state)
    with locked(layout.state), unavailable(address), connect(address, 60) as connection:
        require_current(connection)
        return pull(connection, layout)


def is_pruned_beyond(error: StateRefused) -> bool:
    """Tell whether a copy can't be continued since what comes next was pruned."""
    from helm_receipts.tables.pull import PrunedBeyond

    return isinstance(error, PrunedBeyond)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from pulling into the same folder."""
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            lock = take_lock(folder)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                raise StateRefused(f"another process has been pulling into {folder}") from None
            time.sleep(0.1)
    try:
        yield
    finally:
        os.close(lock)


def _keep_pulling(address: Address, layout: Layout, ended: threading.Event) -> None:
    while not ended.wait(_PULL_SECONDS):
        with suppress(ReceiptError, OSError):  # it is tried again
            pull_into(address, layout)


def readable_state_option(
    *, anew: bool = False, follows: bool = False
) -> Callable[[Command], Command]:
    """Make `--state`, which also takes a database: what is there is copied first.

    `anew` copies all of it, `follows` goes on copying while the command runs.
    """

    def read(context: click.Context, _parameter: click.Parameter, value: Path | Address) -> Layout:
        return layout_of(context, value, anew=anew, follows=follows)

    return named_state_option(callback=read)


def place_option(command: Command) -> Command:
    """Add `--state` as it was named: nothing is copied yet."""
    return named_state_option()(command)


def named_state_option(**settings: Any) -> Callable[[Command], Command]:
    """Make `--state`, a folder or a database; click's `settings` say what becomes of it."""
    return click.option(
        "--state",
        envvar="HELM_STATE",
        type=StateName(),
        default=default_state_folder,
        show_default="the platform's folder",
        help="The boundary's state folder, or a database: postgresql://HOST/DATABASE.",
        **settings,
    )
