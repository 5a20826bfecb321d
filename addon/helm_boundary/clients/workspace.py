"""The working folder of a program, as data of the policy that it is judged by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from helm_receipts.storage.durable import make_folder, replace_file

from .ca_bundle import FOLDER


def working_folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the working folder as the system names it, and as the shell does; not the root."""
    here = Path.cwd()
    named = Path(environment.get("PWD") or here)
    names = (here, named) if named.is_absolute() and named.resolve() == here else (here,)
    return tuple(dict.fromkeys(name for name in names if name != Path(name.anchor)))


def workspace_policy(folders: Sequence[Path], state: Path) -> Path:
    """Return a policy folder in the state folder that says where a program works."""
    told = json.dumps({"workspace": [f"{folder}/" for folder in folders]}).encode()
    ours = state
    make_folder(ours)
    for part in (FOLDER, "workspaces", hashlib.sha256(told).hexdigest()[:16]):
        ours = ours / part
        make_folder(ours)
    replace_file(ours / "data.json", told)
    return ours
