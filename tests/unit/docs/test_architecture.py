"""The architecture page, compared with the code: its rooms, its floors, its functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import helm_boundary
import helm_receipts
from support.boundary import ADDON
from support.pages import DOCS, codes, pages

PACKAGES = {
    package.__name__: Path(str(package.__file__)).parent
    for package in (helm_boundary, helm_receipts)
}
PAGE = DOCS / "architecture.md"
_ROW = re.compile(r"^\| (\d+) \| `([\w/]+)/` \|", re.MULTILINE)
_FUNCTION = re.compile(r"`(\w+)`(?: and\s+`(\w+)`)? in\s+`([\w/]+\.py)`")
_MITMPROXY = re.compile(r"(?:mitmproxy|mitmdump|mitmweb)(?:\.[\w.]+)?")
_KNOW_MITMPROXY = ("flows", "runtime", "views", "proxy")
_MODULE = re.compile(r"[a-z_]+(?:/[a-z_]+)*/(?:[a-z_]+\.(?:py|tsv))?")


def floors() -> dict[str, int]:
    """Return the rooms of both packages on the page, and the floor of each."""
    above, below = PAGE.read_text("utf-8").split("`receipts/helm_receipts`, in the same order:")
    rows = [("helm_boundary", row) for row in _ROW.findall(above)]
    rows += [("helm_receipts", row) for row in _ROW.findall(below)]
    return {f"{package}/{room}": int(floor) for package, (floor, room) in rows}


def test_the_page_has_every_room() -> None:
    """Each package in a package, and the rooms in `policy` and `proxy`."""
    found = {
        room_of(file.parent, folder)
        for folder in PACKAGES.values()
        for file in folder.rglob("*.py")
        if file.parent != folder
    }
    assert set(floors()) == found


def test_rooms_import_only_from_below() -> None:
    """No arrow goes up, and none stays on its floor."""
    heights = floors()
    upwards = {
        f"{file.relative_to(folder.parent)} imports {other}"
        for folder in PACKAGES.values()
        for file in folder.rglob("*.py")
        for other in imported(file, folder)
        if (own := room_of(file.parent, folder)) in heights
        and other != own
        and other.split("/")[0] == own.split("/")[0]
        and heights[other] >= heights[own]
    }
    assert upwards == set()


def test_mitmproxy_is_known_to_four_rooms() -> None:
    """Nothing else imports it, has it imported by name or starts one of its programs."""
    knowing = [PACKAGES["helm_boundary"] / room for room in _KNOW_MITMPROXY]
    files = [file for folder in PACKAGES.values() for file in folder.rglob("*.py")]
    found = {
        f"{file} names {name}"
        for file in (ADDON, *files)
        if not any(map(file.is_relative_to, knowing))
        for name in named(file)
        if _MITMPROXY.fullmatch(name)
    }
    assert found == set()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    """As a path below one of the packages, with each function that is named in it."""
    known = {path.name for folder in PACKAGES.values() for path in folder.iterdir()}
    for code in codes(page):
        if _MODULE.fullmatch(code) and code.split("/")[0] in known:
            assert located(code) is not None, code
    for function, other, module in _FUNCTION.findall(page.read_text("utf-8")):
        file = located(module)
        assert file is not None, module
        for name in filter(None, (function, other)):
            assert re.search(rf"\bdef {name}\b|^{name}\b", file.read_text(), re.M), (module, name)


def located(name: str) -> Path | None:
    """Return the file or folder of that name below one of the packages."""
    return next((path for root in PACKAGES.values() if (path := root / name).exists()), None)


def room_of(folder: Path, package: Path) -> str:
    """Return the room that a folder belongs to, as the page names it: at most one in another."""
    return "/".join(folder.relative_to(package.parent).parts[:3])


def named(file: Path) -> Iterator[str]:
    """Find the modules that a file imports from anywhere, and every text in it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def imported(file: Path, package: Path) -> Iterator[str]:
    """Yield the rooms that a module imports from."""
    own = file.relative_to(package.parent).parent.parts
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            start = own[: len(own) - node.level + 1] if node.level else ()
            names = [(*start, *(node.module or "").split("."), each.name) for each in node.names]
        elif isinstance(node, ast.Import):
            names = [tuple(each.name.split(".")) for each in node.names]
        else:
            continue
        for name in names:
            room = longest_room([part for part in name if part], package.parent)
            if room:
                yield room


def longest_room(name: list[str], root: Path) -> str:
    """Return the room that a dotted name is in; empty where it is in none of ours."""
    parts: list[str] = []
    for part in name[:3]:
        if not (root / "/".join([*parts, part]) / "__init__.py").is_file():
            break
        parts.append(part)
    return "/".join(parts) if len(parts) > 1 and parts[0] in PACKAGES else ""
