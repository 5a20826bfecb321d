"""The operations that an installed SDK calls, read from its own source without running it."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from support.installed import installed

_METHODS = {
    "_get": "GET",
    "_post": "POST",
    "_put": "PUT",
    "_patch": "PATCH",
    "_delete": "DELETE",
    "_get_api_list": "GET",
}

_VERBS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_ROOT = re.compile(r"/?(upload/)?(v[12]|api|\{api_version\})/")
_VERB_OF_A_MODEL = re.compile(r"\{model\}:\w+")


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


def installed_package(package: str) -> Path:
    """Return the folder of a package that `scripts/clients natives` installed; skips without."""
    python = Path(installed("natives", "bin", "python"))
    [root] = python.parents[1].glob(f"lib/python3.*/site-packages/{package}")
    return root


def literal_operations_of(root: Path) -> set[tuple[str, str]]:
    """Return each method and path of an SDK that says both in the arguments of one call.

    What stands behind a `#` tells two methods of an SDK apart, and isn't sent.
    """
    found: set[tuple[str, str]] = set()
    for file in root.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                said = [text for each in node.args for text in _paths(each)]
                said += [
                    text
                    for key in node.keywords
                    if key.arg in ("method", "path")
                    for text in _paths(key.value)
                ]
                methods = [text for text in said if text in _VERBS]
                paths = [text.partition("#")[0] for text in said if _ROOT.match(text)]
                found |= {(methods[0], f"/{path.lstrip('/')}") for path in paths if methods}
    return found


def model_verbs_of(root: Path) -> set[tuple[str, str]]:
    """Return what Google's SDK has models do, as `{model}:generateContent`."""
    texts = {
        text
        for file in root.glob("*.py")
        for text in _VERB_OF_A_MODEL.findall(file.read_text("utf-8"))
    }
    return {("POST", f"/v1beta/models/{text}") for text in texts}


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
