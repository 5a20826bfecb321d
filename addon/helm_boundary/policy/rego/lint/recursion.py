"""Rules that depend on themselves, or in a chain so long that the engine would die."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from helm_boundary.policy.rego.syntax import Rule

from .program import Problem, Program

MAX_CHAIN = 400  # rules that depend on each other in a row; the engine dies at about 2,000


def check_recursion(program: Program) -> Iterator[Problem]:
    """Find rules that depend on themselves, or in chains that would kill the engine."""
    edges = {path: set(_dependencies(program, rules)) for path, rules in program.named.items()}
    depth: dict[tuple[str, ...], int] = {}
    for start in edges:
        stack, trail = [(start, iter(edges[start]))], {start}
        while stack:
            node, rest = stack[-1]
            step = next((n for n in rest if n in trail or n not in depth), None)
            if step is None:
                stack.pop()
                trail.discard(node)
                depth[node] = 1 + max((depth.get(n, 0) for n in edges[node]), default=0)
            elif step in trail:
                yield _problem_at(program, step, "depends on itself, which the engine can't run")
                return
            else:
                stack.append((step, iter(edges[step])))
                trail.add(step)
    deepest = max(depth, key=lambda path: depth[path], default=None)
    if deepest is not None and depth[deepest] > MAX_CHAIN:
        yield _problem_at(program, deepest, f"depends on a chain of over {MAX_CHAIN} rules")


def _dependencies(program: Program, rules: Iterable[Rule]) -> Iterator[tuple[str, ...]]:
    for rule in rules:
        paths = [call.name for call in rule.calls] + [ref.path for ref in rule.references]
        for path in paths:
            target = program.rule_path(rule, path) if path else None
            if target is not None:
                yield target


def _problem_at(program: Program, path: tuple[str, ...], message: str) -> Problem:
    return Problem(program.named[path][0].place, f"{path[-1]} {message}")
