"""Clients in a make-believe company."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.company import Company


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """Create a company of its own for each test."""
    with Company(tmp_path) as company:
        yield company
