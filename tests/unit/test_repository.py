"""Promises about the files of the repository themselves."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from support.boundary import ROOT

# Written in two parts, so that this file passes too.
REGISTRIES = [
    first + second
    for first, second in (
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("npm", "js.org"),
        ("npmjs", ".com"),
        ("yarn", "pkg.com"),
        ("crates", ".io"),
        ("proxy.", "golang.org"),
        ("maven", ".org"),
        ("deb.", "debian.org"),
    )
]


def tracked_files() -> list[Path]:
    """Return the files that git tracks here; skip the test where this is not a clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=30
    )
    names = listed.stdout.decode().split("\0")
    return [file for name in names if name and (file := ROOT / name).is_file()]


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the user's configuration, never this project's."""
    pattern = re.compile("|".join(map(re.escape, REGISTRIES)))
    naming = {
        str(file.relative_to(ROOT)): found[0]
        for file in tracked_files()
        if (found := pattern.search(file.read_text(errors="ignore")))
    }
    assert naming == {}


def test_scripts_are_bash_that_parses() -> None:
    """`bash -n` on each script that names bash."""
    scripts = [
        file
        for file in tracked_files()
        if file.is_relative_to(ROOT / "scripts") or file.parent.name == ".ci"
    ]
    shell = [file for file in scripts if file.read_bytes().startswith(b"#!/usr/bin/env bash")]
    assert len(shell) >= 4
    for file in shell:
        subprocess.run(["bash", "-n", file], check=True, timeout=10)
