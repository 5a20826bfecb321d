"""Pages as a whole: their links lead somewhere, and what is generated is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages.options import PAGE, options_page
from support.boundary import ROOT
from support.pages import DOCS, README, links, pages

MOST_LINES = 135
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def test_the_readme_is_short() -> None:
    """What doesn't fit into a few minutes of reading is in docs/."""
    assert len(README.read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """Pictures too."""
    for link in links(page):
        if re.match(r"https?:|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    """A page that nothing links to is read by nobody."""
    reached = {(README.parent / link).resolve() for link in links(README)}
    assert set(pages()) - {README} <= reached
    assert set(DOCS.glob("*.md")) <= reached


def test_the_options_page_is_current() -> None:
    """`scripts/options_page` writes it anew."""
    assert PAGE.read_text("utf-8") == options_page()


def test_the_glossary_is_sorted_with_one_sentence_per_word() -> None:
    """One plain sentence each, sorted."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", (DOCS / "glossary.md").read_text(), re.M)
    words = [word for word, _ in rows]
    assert words == sorted(set(words))
    for word, meaning in rows:
        assert re.fullmatch(r"[A-Z](?:[^.]|\.\w)+\.", meaning), word


def anchors(page: Path) -> set[str]:
    """Return the headings of a page as its links name them."""
    headings = _HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
