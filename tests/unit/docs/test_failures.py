"""The named failures on the page about receipts: all that there are, and no others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import helm_receipts
from support.boundary import ROOT

SOURCES = [Path(helm_receipts.__path__[0]), ROOT / "addon" / "helm_boundary"]
NAMED_APART = {"repeated", "missing-tile", "reordered"}
"""Kinds that an expression chooses."""
WORDS = re.compile(r"\b(Broken|naming)\(")


def kinds() -> Iterator[str]:
    """Find every kind that is given to `Broken`, or to `naming`, which makes one."""
    for folder in SOURCES:
        for path in folder.rglob("*.py"):
            text = path.read_text("utf-8")
            for node in ast.walk(ast.parse(text)) if WORDS.search(text) else ():
                if isinstance(node, ast.Call) and WORDS.match(f"{ast.unparse(node.func)}("):
                    if isinstance(node.args[0], ast.Constant):
                        yield str(node.args[0].value)
                elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "kind":
                    found = [x for x in ast.walk(node.value) if isinstance(x, ast.Constant)]
                    if isinstance(node.value, ast.IfExp):
                        texts = (node.value.body, node.value.orelse)
                        yield from (str(x.value) for x in found if x in texts)


def test_every_named_failure_is_on_the_page_with_an_example() -> None:
    """A kind that is added, renamed or removed must be so on the page, too."""
    page = (ROOT / "docs/receipts.md").read_text("utf-8")
    table = page.partition("### What is found, by name")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", table, re.MULTILINE))
    assert NAMED_APART <= set(kinds()) == set(rows)
    assert all(len(example) > 10 for example in rows.values())
