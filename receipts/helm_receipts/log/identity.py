"""The name of a state folder: its log's origin and its boundary's id.

A bare, host-like name without a path, under `.invalid` so that it can't be mistaken for a host
(RFC 2606). It is chosen once and stays when keys are rotated.
"""

import hmac
import os
import re
from pathlib import Path

from helm_receipts.errors import KeyRefused
from helm_receipts.storage import durable

_ORIGIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_MACHINE_ID = Path("/etc/machine-id")


def load_or_create_origin(path: Path) -> str:
    """Read the name in `path`, made on first use; `KeyRefused` for a malformed one."""
    if not path.exists():
        durable.create_once(path, f"{_machine()}.helm-boundary.invalid\n".encode(), 0o644)
    return read_origin(path)


def read_origin(path: Path) -> str:
    """Read the name in `path`; `KeyRefused` for a malformed one."""
    origin = path.read_text("ascii", "replace").strip()
    if not _ORIGIN.fullmatch(origin):
        raise KeyRefused(
            f"expected a host-like name in lower case in {path}, found {origin[:60]!r}; "
            "put back the name that the log's checkpoints start with"
        )
    return origin


def _machine() -> str:
    """Make a name for this machine. machine-id(5) asks for a keyed hash of the id, not the id."""
    machine_id = _MACHINE_ID.read_bytes().strip() if _MACHINE_ID.is_file() else b""
    # Two state folders of one machine are two logs, so the name is this folder's too.
    return hmac.digest(machine_id or os.urandom(16), os.urandom(16), "sha256").hex()[:16]
