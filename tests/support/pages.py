"""The project's pages: their code, their links, and their commands as a reader types them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.boundary import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_STEP = re.compile(r"^```sh\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Step:
    """One block of commands, and the lines that must be in what they print; … is any text."""

    commands: str
    says: tuple[str, ...]


def pages() -> list[Path]:
    """Return every page that a reader may follow."""
    top = ("README", "SECURITY", "CONTRIBUTING", "CHANGELOG")
    return [*(ROOT / f"{name}.md" for name in top), *sorted(DOCS.glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    return [text for found, text in _FENCED.findall(page.read_text("utf-8")) if found == language]


def codes(page: Path) -> list[str]:
    """Return what a page sets as code within its sentences, each on one line."""
    prose = _FENCED.sub("", page.read_text("utf-8"))
    return [" ".join(text.split()) for text in _CODE.findall(prose)]


def links(page: Path) -> list[str]:
    """Return where a page's links and pictures lead."""
    return _LINK.findall(_FENCED.sub("", page.read_text("utf-8")))


def section(page: Path, title: str) -> str:
    """Return what is below a heading of a page, up to the next one of its level."""
    text = page.read_text("utf-8")
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found is not None, f"{page.name} has no heading {title!r}"
    return found[1]


def steps(text: str) -> Iterator[Step]:
    """Yield the blocks of commands, each with the block of text behind it."""
    for commands, says in _STEP.findall(text):
        yield Step(commands, tuple(says.splitlines()))


def run(
    step: Step, folder: Path, *, names: Mapping[str, str] | None = None, **environment: str
) -> str:
    """Run a block as a reader would, in a folder, and compare what it prints.

    `names` are put in place of what stands for them on the page, such as RECEIPT_ID.
    """
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", _named(step.commands, names)],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "PATH": programs, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert "Traceback" not in printed, printed
    assert "Usage:" not in printed, printed
    for line in step.says:
        expected = ".*".join(map(re.escape, _named(line, names).split("…")))
        assert re.search(expected, printed), f"expected {line!r}, found:\n{printed}"
    return printed


def _named(text: str, names: Mapping[str, str] | None) -> str:
    for name, value in (names or {}).items():
        text = text.replace(name, value)
    return text
