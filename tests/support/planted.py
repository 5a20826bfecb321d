"""Planted modules: each reports that it was imported, then does what the real one does.

planted = Planted(tmp_path)
subprocess.run(command, cwd=planted.folder)
assert planted.sprung() == []
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from support.boundary import ROOT

_SPRUNG = """
import os, sys
_marker = os.open({marker!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.write(_marker, (repr((__name__, sys.orig_argv)) + chr(10)).encode())
os.close(_marker)
if __name__ not in ("sitecustomize", "usercustomize"):
    path = sys.path[:]
    sys.path[:] = [folder for folder in path if os.path.abspath(folder or ".") != {folder!r}]
    del sys.modules[__name__]
    __import__(__name__)
    sys.path[:] = path
"""
_ALWAYS = {"sitecustomize", "usercustomize", "runpy", "multiprocessing"}
_NEVER = {"os", "sys", "__future__"}  # the marker itself needs them


class Sprung(NamedTuple):
    """An import of a planted module: its name, and the command line of the process."""

    name: str
    command: list[str]


class Planted:
    """A folder with a module of each name that the product imports, and the imports of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "planted"
        self._marker = folder / "sprung"
        self.folder.mkdir(parents=True)
        text = _SPRUNG.format(marker=str(self._marker), folder=str(self.folder))
        for name in imported_names() | _ALWAYS:
            (self.folder / f"{name}.py").write_text(text)
        for name in ("helm_boundary", "helm_receipts", "mitmproxy"):
            (self.folder / f"{name}.py").unlink()
            (self.folder / name).mkdir()
            (self.folder / name / "__init__.py").write_text(text)
        self.user_base = folder / "user"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        site = self.user_base / "lib" / version / "site-packages"
        site.mkdir(parents=True)
        (site / "usercustomize.py").write_text(text)
        (site / "planted.pth").write_text(f"{self.folder}\nimport usercustomize\n")

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which Python would find the modules."""
        return {
            "PYTHONPATH": str(self.folder),
            "PYTHONUSERBASE": str(self.user_base),
            "PYTHONSTARTUP": str(self.folder / "click.py"),
        }

    def sprung(self) -> list[Sprung]:
        """Return each import of a planted module."""
        if not self._marker.exists():
            return []
        return [Sprung(*ast.literal_eval(line)) for line in self._marker.read_text().splitlines()]


@cache
def imported_names() -> frozenset[str]:
    """Return every top-level name that the product imports, its own packages among them."""
    found = set()
    for root in ("addon", "receipts"):
        for file in (ROOT / root).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    found.add(node.module or "")
    return frozenset({name.partition(".")[0] for name in found} - _NEVER)
