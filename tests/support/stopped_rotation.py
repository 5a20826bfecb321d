"""A rotation of a receipt key beside a database that dies before its nth step.

    stopped_rotation.py FOLDER ADDRESS N

A step is a statement, or a sync of a file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection
from helm_receipts.layout import Layout
from helm_receipts.recording import table_rotation
from helm_receipts.recording.database_place import Database
from helm_receipts.storage import durable

KILLED = 37
"""The exit code of a process that died at its step."""


def dying(step: Callable[..., Any], count: list[int], when: int) -> Callable[..., Any]:
    """Return a function that does a step, but dies before the one that is meant."""

    def take(*arguments: Any, **named: Any) -> Any:
        number = count[0]
        count[0] += 1
        if number == when:
            os._exit(KILLED)
        return step(*arguments, **named)

    return take


def main(folder: str, address: str, when: str) -> None:
    """Rotate, as far as it goes; says how many steps it took."""
    count = [0]
    Connection.wait = dying(Connection.wait, count, int(when))  # type: ignore[method-assign]
    os.fdatasync = dying(os.fdatasync, count, int(when))
    durable.sync_folder = dying(durable.sync_folder, count, int(when))
    database = Database(Address(address), 5.0)
    table_rotation.rotate_receipt_key(Layout(Path(folder)), database, "0", "ef" * 32, patience=10)
    print(count[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
