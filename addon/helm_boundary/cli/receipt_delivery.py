"""Delivery of an export: to standard output, to a file, or to a folder with a file a session.

Nothing is delivered before all of it was made, so that no half of an export looks like a whole one.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import IO

from .exits import CommandError

KEY_FILE = "receipt.pub.hex"
"""What HELM's tools take for `--key-file` and `--trusted-public-key-file`: 64 hex digits."""


def is_folder(output: Path, spelled: str) -> bool:
    """Tell whether an output is a folder: one that is there, or a name that ends with a slash."""
    return output.is_dir() or spelled.endswith("/")


def deliver(spool: IO[bytes], output: Path) -> None:
    """Write everything to one file, or to standard output for `-`."""
    spool.seek(0)
    if str(output) == "-":
        shutil.copyfileobj(spool, sys.stdout.buffer)
        return
    with output.open("wb") as file:
        shutil.copyfileobj(spool, file)


def deliver_sessions(spool: IO[bytes], folder: Path) -> None:
    """Write a file for each session, as HELM's tools take them, and the key as they take it."""
    spool.seek(0)
    folder.mkdir(parents=True, exist_ok=True)
    if not spool.seek(0, 2):
        raise CommandError("no whole session with calls is here: a chain begins with its start")
    spool.seek(0)
    for line in spool:
        bundle = json.loads(line)
        (folder / f"{bundle['receipts'][0]['session_id']}.json").write_bytes(line)
        (folder / KEY_FILE).write_text(f"{bundle['public_key_hex']}\n")


def refuse_several(spool: IO[bytes], output: Path) -> None:
    """Refuse to put several sessions into one file, which no tool of HELM's would take."""
    spool.seek(0)
    sessions = sum(1 for _ in spool)
    if sessions > 1 and str(output) != "-":
        raise CommandError(
            f"these receipts are of {sessions} sessions, and HELM's verifiers take one a file: "
            f"name a folder, as in `-o {output}/`"
        )
