"""Where the boundary keeps its keys and receipts when nobody says otherwise."""

from __future__ import annotations

import re
from pathlib import Path

from platformdirs import user_state_path

from helm_receipts.database.address import is_address


def default_state_folder() -> Path:
    """`helm-boundary` in the platform's folder for a user's state."""
    return user_state_path("helm-boundary", appauthor=False)


def no_folder(value: str) -> str | None:
    """Say why a value can't name a state folder: it is an address; None where it can."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", value)
    if scheme is None:
        return None
    if is_address(value):
        return f"expected a folder, found a database's address ({scheme[1]}:…)"
    return (
        f"expected a folder, found an address ({scheme[1]}:…); receipts are kept in a folder, or "
        "in PostgreSQL (postgresql://HOST/DATABASE)"
    )
