"""The public test data beside the repository."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def vectors(name: str) -> Path:
    """A file or folder of vectors; skips the test where this checkout has none."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"no vectors at {path}")
    return path
