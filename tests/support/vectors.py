"""The public test data beside the repository."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def vectors(name: str) -> Path:
    """Return a file or folder of vectors; skip the test where this checkout has none."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"no vectors at {path}")
    return path
