"""A receipt's index in the log, looked up without the log's lock."""

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
