"""The working folder of a program, as data of the policy that it is judged by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from helm_receipts.storage.durable import make_folder, replace_file

from .ca_bundle import FOLDER


def workspace_policy(folder: Path, state: Path) -> Path:
    """Return a policy folder in the state folder that says where a program works."""
    place = folder.resolve()
    name = hashlib.sha256(str(place).encode()).hexdigest()[:16]
    ours = state
    make_folder(ours)
    for part in (FOLDER, "workspaces", name):
        ours = ours / part
        make_folder(ours)
    root = str(place).rstrip("/")
    replace_file(ours / "data.json", json.dumps({"workspace": [f"{root}/"]}).encode())
    return ours
