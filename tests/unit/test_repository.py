"""Promises about the files of the repository themselves."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest

from helm_boundary.cli import main
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
    """Return the files that git tracks here; skips where this is not a clone."""
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


def test_what_the_readme_tells_to_type_is_there() -> None:
    """Every script of the checkout that a command in README.md names exists and can be run."""
    scripts = re.findall(r"^\$?\s*(scripts/[\w./-]+)", _commands(), re.MULTILINE)
    assert {"scripts/run", "scripts/test"} <= set(scripts)
    assert [name for name in scripts if not (ROOT / name).stat().st_mode & 0o111] == []


def test_every_subcommand_in_the_readme_exists() -> None:
    """`helm-boundary a b` in README.md resolves to a command."""
    missing = []
    for line in re.findall(r"helm-boundary((?: [a-z][a-z-]*)+)", _commands()):
        command: click.Command = main
        for word in line.split():
            if not isinstance(command, click.Group):
                break
            found = command.get_command(click.Context(command), word)
            if found is None:
                missing.append(line.strip())
                break
            command = found
    assert missing == []


def _commands() -> str:
    """Return the fenced blocks of README.md that a shell would read."""
    text = (ROOT / "README.md").read_text()
    return "\n".join(re.findall(r"^```(?:sh|bash|console|shell)?\n(.*?)^```", text, re.M | re.S))


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
