"""The clients that `scripts/clients` installs, and the programs that use them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.boundary import ROOT

PROGRAMS = ROOT / "tests" / "e2e" / "clients" / "installed"


def cache() -> Path:
    """Return the folder of `scripts/clients`: HELM_CLIENTS_CACHE, or one in the user's cache."""
    named = os.environ.get("HELM_CLIENTS_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "helm-boundary-tests"


def installed(*parts: str) -> str:
    """Return the path of something that `scripts/clients` installs, or skip."""
    path = cache().joinpath(*parts)
    return str(path) if path.exists() else pytest.skip(f"no {path}: run scripts/clients")


def on_path(name: str) -> str:
    """Return the path of a program that the system has, or skip."""
    return shutil.which(name) or pytest.skip(f"{name} isn't on PATH")
