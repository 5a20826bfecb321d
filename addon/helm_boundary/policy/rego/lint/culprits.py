"""The part of an expression that may be undefined, in words for whoever wrote it."""

from __future__ import annotations

from helm_boundary.policy.rego.syntax import Node, flatten, only

from .inference import Inference
from .scope import Scope
from .terms import below, is_reference, key_of, name_of, steps


def culprit(node: Node, scope: Scope, inference: Inference) -> str | None:
    """Name the first part that may be undefined, the innermost first; None if there is none."""
    if inference.certain(node, scope):
        return None
    for part in below(node):
        name = culprit(part, scope, inference)
        if name:
            return name
    return _words(node, scope)


def _words(node: Node, scope: Scope) -> str:
    kind, body = only(node)
    if is_reference(node):
        start, path = steps(node)
        name = name_of(start)
        first = name if name is not None else _words(start, scope)
        return ".".join([first, *map(_step, path)])
    if kind == "Call":
        called = scope.module.resolve(flatten(body["fcn"])[0])
        return ".".join(part or "[…]" for part in called) + "(…)"
    return "an expression"


def _step(node: Node) -> str:
    key = key_of(node)
    return key if isinstance(key, str) else "[…]"
