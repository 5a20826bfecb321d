"""What the package stands on."""

import ast
import sys
from pathlib import Path

import helm_receipts


def test_nothing_but_the_standard_library_and_cryptography() -> None:
    """An auditor installs one package; no proxy is ever imported.

    `canonical` uses orjson where it is there, and its tests show that it needn't be.
    """
    known = sys.stdlib_module_names | {"cryptography", "helm_receipts"}
    modules = list(Path(helm_receipts.__path__[0]).rglob("*.py"))
    assert len(modules) > 20
    for module in modules:
        allowed = known | ({"orjson"} if module.stem == "canonical" else set())
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= allowed, module.name
