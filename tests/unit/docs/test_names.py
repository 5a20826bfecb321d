"""Names on the pages, which must exist: commands and their options, our own options, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from helm_boundary.cli import main
from helm_boundary.proxy.commands import Commands
from helm_boundary.runtime.options import OPTIONS
from support.boundary import ROOT
from support.pages import blocks, codes, pages

EVERY_PAGE = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
NOT_OPTIONS = {
    "helm_boundary",
    "helm_receipts",
    "helm_denied",
    "helm_escalated",
    "helm_proxy_error",
}
_TYPED = re.compile(r"helm-boundary (?=[a-z-])([^\n#|;&>)]*)")
_SHORT = re.compile(rf"(?:{'|'.join(main.list_commands(click.Context(main)))}) [a-z-].*")
_FILE = re.compile(r"(?:scripts|policies|tests|receipts|addon|docs)/[\w./-]*")


@EVERY_PAGE
def test_every_command_and_its_options_exist(page: Path) -> None:
    """As `helm-boundary --help` and its subcommands know them."""
    for line in command_lines(page):
        command, words = resolved(line)
        known = {name for each in command.params for name in each.opts} | {"--help"}
        for word in words:
            if word == "--":
                break
            name = word.partition("=")[0]
            assert not re.match(r"--?\w", name) or name in known, line


@EVERY_PAGE
def test_every_option_of_ours_exists(page: Path) -> None:
    """Wherever a page names helm_something."""
    named = set(re.findall(r"\bhelm_(?!boundary_)[a-z_]+\b", page.read_text("utf-8")))
    assert named - NOT_OPTIONS <= {row[0] for row in OPTIONS}


@EVERY_PAGE
def test_every_file_exists_and_scripts_can_be_run(page: Path) -> None:
    """Where a page names one from the root of the checkout on."""
    for text in [*codes(page), *blocks(page, "sh")]:
        for name in _FILE.findall(text):
            file = ROOT / name
            assert file.exists(), name
            if file.parent == ROOT / "scripts" and file.is_file():
                assert file.stat().st_mode & 0o111, name


@EVERY_PAGE
def test_every_command_in_mitmproxy_exists(page: Path) -> None:
    """`helm.pending` and its like."""
    known = {getattr(each, "command_name", None) for each in vars(Commands).values()}
    named = {text for text in codes(page) if re.fullmatch(r"helm\.[a-z.]+", text)}
    assert {name for name in named if not name.startswith("helm.rules.")} <= known


def command_lines(page: Path) -> Iterator[str]:
    """Yield what a page tells to type after `helm-boundary`, in blocks and in sentences."""
    for block in blocks(page, "sh"):
        yield from (typed.strip() for typed in _TYPED.findall(block))
    for code in codes(page):
        if typed := _TYPED.match(code):
            yield typed[1].strip()
        elif _SHORT.fullmatch(code):
            yield code


def resolved(line: str) -> tuple[click.Command, list[str]]:
    """Return the command that a line names, and the words after it."""
    command: click.Command = main
    words = shlex.split(line)
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            break
        command, words = found, words[1:]
    assert command is not main, line
    assert not isinstance(command, click.Group) or not words, line
    return command, words
