"""The operations that an installed SDK calls, read from its own source without running it."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

_METHODS = {
    "_get": "GET",
    "_post": "POST",
    "_put": "PUT",
    "_patch": "PATCH",
    "_delete": "DELETE",
    "_get_api_list": "GET",
}


def operations_of(package: str) -> set[tuple[str, str]]:
    """Return each method and path below the API's root, with parameters in braces."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"no {package}"
    assert spec.submodule_search_locations is not None
    root = Path(spec.submodule_search_locations[0]) / "resources"
    found: set[tuple[str, str]] = set()
    for file in root.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                method = _METHODS.get(node.func.attr)
                if method and node.args:
                    found |= {(_method(node, method), _bare(path)) for path in _paths(node.args[0])}
    return found


def _method(call: ast.Call, usual: str) -> str:
    for keyword in call.keywords:
        if keyword.arg == "method" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value).upper()
    return usual


def _paths(node: ast.AST) -> Iterator[str]:
    """Yield every path that an argument may be: a text, a template, one of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Call) and node.args:
        yield from _paths(node.args[0])
    elif isinstance(node, ast.IfExp):
        yield from _paths(node.body)
        yield from _paths(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{x}" for part in node.values
        )


def _bare(path: str) -> str:
    return path.removeprefix("/v1")
