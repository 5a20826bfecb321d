"""Opening the embedded store: made anew from receipts where it is missing, damaged or behind."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout

from .books import pruned_until, read_books, still_kept, with_pruned
from .sqlite_store import SqliteStore
from .store import Balance, Store, StoreDamaged, StoreError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT = "boot"


def books_file(layout: Layout) -> Path:
    """Return where the balances of a state folder are."""
    return layout.state / "budgets" / "books.sqlite"


def open_store(layout: Layout) -> SqliteStore:
    """Open the balances of a state folder; `StoreError` where that can't be done.

    They aren't synced to the disk, so after a restart of the machine, as when the file is new,
    they are written again from the receipts.
    """
    path = books_file(layout)
    try:
        store = SqliteStore(path)
    except StoreDamaged:
        _set_aside(layout, path)
        store = SqliteStore(path)
    try:
        boot = _boot()
        if boot is None or store.fact_now(_BOOT) != boot:
            rebuild(store, layout)
            store.note_now(_BOOT, boot or "")
        store.tidy()
    except BaseException:
        store.close()
        raise
    return store


def rebuild(store: SqliteStore, layout: Layout) -> None:
    """Write what is settled again from the receipts, in one transaction."""
    store.rebuild_from(reader_of(lambda: layout, store))


def reader_of(
    receipts: Callable[[], Layout], store: Store
) -> Callable[[Collection[str]], list[Balance]]:
    """Return what reads the balances from receipts, leaving out calls that go on.

    `receipts` returns where they are, as they are then. Where a window's receipts may be pruned,
    what the store has of it stays.
    """

    def read(without: Collection[str]) -> list[Balance]:
        try:
            layout = receipts()
            told = still_kept(read_books(layout.journal, without).balances(), store.now_ns())
            return with_pruned(told, store.balances_now(), pruned_until(layout))
        except (ReceiptError, OSError, KeyError, ValueError) as error:
            raise StoreError(f"balances can't be read from the receipts: {error}") from error

    return read


def _set_aside(layout: Layout, path: Path) -> None:
    """Move a damaged file to where nobody reads it; whoever looks into the damage finds it."""
    layout.quarantine.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in path.parent.glob(f"{path.name}*"):
        each.rename(layout.quarantine / each.name)


def _boot() -> str | None:
    """Name this start of the machine; None where that can't be told."""
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_text().strip()
    if sys.platform == "darwin":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            asked = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
            return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return None
