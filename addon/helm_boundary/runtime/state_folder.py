"""Where the boundary keeps its keys and receipts when nobody says otherwise."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_state_path


def default_state_folder() -> Path:
    """`helm-boundary` in the platform's folder for a user's state."""
    return user_state_path("helm-boundary", appauthor=False)
