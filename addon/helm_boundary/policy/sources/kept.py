"""A policy that decided earlier, from the file in which a boundary keeps it by its digest.

The file is named for the SHA-256 of its statement, and the statement has the hash of each module:
so what is read is what decided, or it isn't read.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from helm_boundary.policy.errors import PolicyError

_NAME = re.compile(r"([0-9a-f]{64})\.json")


def is_kept(path: Path) -> bool:
    """Tell whether a path is named as kept policies are."""
    return _NAME.fullmatch(path.name) is not None


def read_statement(path: Path) -> tuple[dict[str, Any], dict[str, str], str]:
    """Return what a kept policy states, its modules by their names there, and the text of it.

    Raises:
        PolicyError: it can't be read, or isn't what its name says.
    """
    try:
        value = json.loads(path.read_bytes())
        stated, modules = value["statement"], value["modules"]
        said = json.loads(stated)
        hashes = dict(said["modules"])
        found = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in modules.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PolicyError(f"{path}: no kept policy can be read: {error}") from None
    if hashlib.sha256(stated.encode()).hexdigest() != path.stem or found != hashes:
        raise PolicyError(f"{path}: expected the policy that it is named for, found another")
    return said, modules, stated
