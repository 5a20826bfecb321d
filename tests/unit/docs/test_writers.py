"""The parts of an exchange that change are each written in one place, as its module says."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import helm_boundary
from helm_boundary.enforcement.exchange import Consent, Progress

ROOT = Path(str(helm_boundary.__file__)).parent
OWNERS: dict[type, tuple[str, ...]] = {
    Progress: ("enforcement/",),
    Consent: ("enforcement/approval_desk.py", "enforcement/grants.py"),
}
_CHANGES = {"append", "add", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"}


@pytest.mark.parametrize("kind", OWNERS, ids=lambda kind: kind.__name__)
def test_only_its_owner_writes_it(kind: type) -> None:
    """All others read it, and get done what they want by asking the owner."""
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in modules()
        if not str(file.relative_to(ROOT)).startswith(OWNERS[kind])
        for line in writes(file.read_text("utf-8"), kind)
    ]
    assert found == []


@pytest.mark.parametrize(
    "written",
    [
        "exchange.progress.status = 200",
        "progress.decision: Decision = decision",
        "status.tool_calls += more",
        "done, live.ended = True, True",
        "for call.answer in answers: pass",
        "del exchange.progress.receipt_id",
        "exchange.progress.seconds['policy'] = 1.0",
        "exchange.progress.judgements.append(judged)",
        "exchange.progress.end()",
        "setattr(exchange.progress, name, 1)",
        "setattr(found, 'gate', None)",
    ],
)
def test_every_way_to_write_is_noticed(written: str) -> None:
    """Whatever the variable is called."""
    assert list(writes(written, Progress)) == [1]


@pytest.mark.parametrize(
    "read", ["self.status = 1", "x = exchange.progress.status", "timeout.end()", "self.gate.pop()"]
)
def test_reading_is_not_writing(read: str) -> None:
    """Nor is an attribute of one's own."""
    assert list(writes(read, Progress)) == []


def modules() -> list[Path]:
    """Return the modules of the rooms that know of exchanges, which is who imports from there."""
    every = sorted(ROOT.rglob("*.py"))
    rooms = {file.parent for file in every if "helm_boundary.enforcement" in file.read_text()}
    return [file for file in every if {file.parent, *file.parents} & {*rooms, ROOT / "enforcement"}]


def writes(text: str, kind: type) -> Iterator[int]:
    """Yield the lines of a module on which it writes a field of that class."""
    names = {field.name for field in fields(kind)}
    own = {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"}
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()) if name in names:
                target: ast.expr = node
            case ast.Subscript(value=ast.Attribute(attr=name), ctx=ast.Store() | ast.Del()) if (
                name in names
            ):
                target = node.value
            case ast.Call(func=ast.Attribute(ast.Attribute(attr=name), change)) if (
                name in names and change in _CHANGES
            ):
                target = node.func.value  # type: ignore[attr-defined]
            case ast.Call(func=ast.Attribute(target, method)) if (
                method in own and named(target) == kind.__name__.lower()
            ):
                yield node.lineno
                continue
            case ast.Call(ast.Name("setattr"), [target, ast.Constant(name), _]) if name in names:
                yield node.lineno
                continue
            case ast.Call(ast.Name("setattr"), [target, *_]) if (
                named(target) == kind.__name__.lower()
            ):
                yield node.lineno
                continue
            case _:
                continue
        if not (isinstance(target, ast.Attribute) and named(target.value) == "self"):
            yield node.lineno


def named(node: ast.expr) -> str:
    """Return the last name of a chain of attributes."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
