"""Clients in a make-believe company, and where the big ones are installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.company import Company

INSTALLED = Path(
    os.environ.get("HELM_CLIENTS_CACHE") or Path.home() / ".cache" / "helm-boundary-tests"
)


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """A company of its own for each test."""
    with Company(tmp_path) as company:
        yield company


def installed(*parts: str) -> str:
    """Return the path of something that `scripts/clients` installs, or skip."""
    path = INSTALLED.joinpath(*parts)
    return str(path) if path.exists() else pytest.skip(f"{path} isn't there: scripts/clients")


def on_path(name: str) -> str:
    """Return the path of a program of the system's, or skip."""
    return shutil.which(name) or pytest.skip(f"{name} isn't on PATH")
