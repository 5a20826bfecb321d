"""A report put together: figures, enclosure, and the form that was asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import IO

from helm_boundary import __version__
from helm_boundary.browser_verification.trusted_keys import TrustedKeys
from helm_boundary.receipt_index.filters import Filter
from helm_boundary.receipt_index.index import ReceiptIndex
from helm_receipts.envelope.predicate import rfc3339
from helm_receipts.layout import Layout

from .document import write_report
from .enclosure import Enclosure
from .figures import tables, totals
from .groups import Groups
from .rows import write_rows

FORMATS = ("html", "csv", "json")


def report(
    layout: Layout,
    index: ReceiptIndex,
    trusted: TrustedKeys,
    period: Filter,
    form: str,
    file: IO[str],
    groups: Groups,
    where: Mapping[str, str],
) -> None:
    """Write the report of a period in one of FORMATS; `groups` are those of a policy's data.

    `where` says, by its name, where the receipts are that `layout` is a copy of.

    Raises:
        ReceiptError: a receipt or the log can't be read.
    """
    if form == "csv":
        write_rows(index, period, file)
        return
    summed, made = totals(index, period), tables(index, period, groups)
    heading = _heading(layout, trusted, period, where)
    if form == "json":
        shown = [asdict(table) for table in made]
        json.dump({"about": heading, "totals": summed, "tables": shown}, file, indent=2)
        file.write("\n")
        return
    enclosed = Enclosure(layout, index, trusted).enclose(period)
    file.write(write_report(heading, summed, made, enclosed))


def _heading(
    layout: Layout, trusted: TrustedKeys, period: Filter, where: Mapping[str, str]
) -> dict[str, str]:
    try:
        origin = layout.origin.read_text().strip()
    except OSError:
        origin = "a folder without a name"
    return {
        "title": "What passed the boundary",
        "log" if where else "state folder": origin,
        **where,
        "since": period.since or "the beginning",
        "until": period.until or "now",
        "made": f"{rfc3339(time.time_ns())} by helm-boundary {__version__}",
        "receipt keys": ", ".join(trusted.receipt) or "none",
        "log key": trusted.log.vkey if trusted.log else "none",
    }
