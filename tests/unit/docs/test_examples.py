"""Rego, YAML and JSON on the pages are what they say they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from helm_boundary.policy.authoring.check import check_policy
from helm_boundary.policy.decision import parse_decision
from support.pages import DOCS, blocks, pages

EVERY_PAGE = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


@EVERY_PAGE
def test_rego_on_a_page_is_a_policy(page: Path, tmp_path: Path) -> None:
    """It compiles over the default policy, and its codes and names agree with its metadata."""
    for number, rego in enumerate(blocks(page, "rego")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "shown.rego").write_text(rego)
        assert [
            each.message for each in check_policy([folder]).found if each.level == "error"
        ] == []


@EVERY_PAGE
def test_yaml_on_a_page_is_a_file_of_a_policy(page: Path, tmp_path: Path) -> None:
    """Its first line says which; settings are ones that there are, patterns compile."""
    for number, text in enumerate(blocks(page, "yaml")):
        named = re.match(r"# (data|detectors)\.yaml\n", text)
        assert named is not None, text
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / f"{named[1]}.yaml").write_text(text)
        assert [each for each in check_policy([folder]).found if each.level != "note"] == []


@EVERY_PAGE
def test_json_on_a_page_is_json(page: Path) -> None:
    """Also where … stands for a text."""
    for text in blocks(page, "json"):
        assert json.loads(text), text


def test_the_decision_on_the_page_is_valid() -> None:
    """As the boundary reads it from an engine."""
    [text] = blocks(DOCS / "policy.md", "json")
    assert parse_decision(json.loads(text)).verdict == "DENY"
