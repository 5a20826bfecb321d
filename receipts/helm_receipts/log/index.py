"""Where in the receipt log a receipt is, looked up without touching the log."""

from __future__ import annotations

from pathlib import Path

from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout

from .runs import order_file, read_runs
from .tree import read_tree


def log_index(state: Path, receipt_id: str) -> int | None:
    """Return the index of a receipt in the log of a state folder; None when it isn't there yet."""
    layout = Layout(state)
    writer, _, number = receipt_id.rpartition("-")
    try:
        return read_runs(order_file(layout), read_tree(layout).size).index_of(writer, int(number))
    except (ReceiptError, OSError, ValueError):
        return None  # it is written anew at this moment, or isn't there
