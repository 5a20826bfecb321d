"""Where in the receipt log a receipt is, looked up without touching the log."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from helm_receipts.errors import ReceiptError
from helm_receipts.layout import Layout
from helm_receipts.log import read_tree


def log_index(state: Path, receipt_id: str) -> int | None:
    """The index of a receipt in the log of a state folder; None when it isn't there (yet).

    Source: `helm_receipts.order`, whose file says from which index on entries are whose.
    """
    layout = Layout(state)
    writer, _, number = receipt_id.rpartition("-")
    try:
        size = read_tree(layout).size
        lines = (layout.log_state / "order.jsonl").read_bytes().splitlines()
        runs = [json.loads(line) for line in lines]
        ends = [*runs, {"index": size}]
        for run, end in pairwise(ends):
            at = run["index"] + int(number) - run["number"]
            if run["writer"] == writer and run["index"] <= at < min(end["index"], size):
                return int(at)
    except (ReceiptError, OSError, ValueError, KeyError, TypeError):
        return None  # it is written anew at this moment, or isn't there
    return None
