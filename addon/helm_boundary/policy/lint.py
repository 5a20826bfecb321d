"""What the engine would only find out in live traffic, or never: refused at load.

The engine looks a function up when it calls it, takes two defaults for one name, and lets
data that isn't there be undefined, which for a deny rule means silence. Each check here
closes one of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helm_boundary.policy.builtins import ADDED, BUILTINS, FORBIDDEN, LACKING, SYNTAX
from helm_boundary.policy.syntax import Call, Place, Reference, Rule, static

TOPICS = ("helm", "rules")
SETS = frozenset({"deny", "escalate", "rewrite", "stream"})
MAX_CHAIN = 400  # rules that depend on each other in a row; the engine dies at about 2,000

type Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that must be mended before the policy can be used."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line}: {self.message}"


class Program:
    """All rules of a policy, with the data they read and the shape of their input."""

    def __init__(self, rules: Sequence[Rule], data: Mapping[str, Any], schema: Schema) -> None:
        self.rules = rules
        self.data = data
        self.schema = schema
        self.packages = {rule.package for rule in rules}
        self.named: dict[tuple[str, ...], list[Rule]] = defaultdict(list)
        for rule in rules:
            self.named[(*rule.package, str(rule.head[0]))].append(rule)

    def rule_path_in(self, package: tuple[str, ...], path: tuple[str, ...]) -> bool:
        """Whether the path goes to or into a rule of the package."""
        size = len(package)
        return path[:size] == package and path[: size + 1] in self.named

    def rule_path(self, rule: Rule, path: Sequence[str | None]) -> tuple[str, ...] | None:
        """The path of the rule that a reference in ``rule`` names; None if it names none."""
        known = tuple(static(tuple(path)))
        if known[:1] == ("data",):
            return next(
                (known[1:n] for n in range(2, len(known) + 1) if known[1:n] in self.named), None
            )
        local = (*rule.package, *known[:1])
        return local if known and local in self.named else None


def lint(program: Program) -> list[Problem]:
    """Every problem of a policy, by file and line."""
    found = [problem for check in CHECKS for problem in check(program)]
    return sorted(set(found), key=lambda problem: (problem.place.file, problem.place.line))


def check_calls(program: Program) -> Iterator[Problem]:
    """Functions that don't exist, are called wrongly, or must not be called."""
    for rule in program.rules:
        for call in rule.calls:
            message = _wrong_call(program, rule, call)
            if message:
                yield Problem(call.place, message)


def _wrong_call(program: Program, rule: Rule, call: Call) -> str | None:
    name = ".".join(part or "[…]" for part in call.name) or "an expression"
    count = len(call.arguments)
    path = program.rule_path(rule, call.name)
    if path is not None:
        arities = {known.arity for known in program.named[path]}
        if not {count, count - 1} & arities:
            wanted = " or ".join(str(arity) for arity in sorted(arities))
            return f"{name} takes {wanted} arguments, here it gets {count}"
        return None
    if name in SYNTAX:
        return None
    if name in FORBIDDEN:
        return f"{name} is not allowed: {FORBIDDEN[name]}"
    if name in LACKING:
        return f"{name} is OPA's, and the embedded engine lacks it: write the rule without it"
    if name not in BUILTINS:
        return f"{name} is not a function: define it, import it, or correct its name"
    if name == "walk" and count != 2:
        return "walk must be written walk(x, [path, value]): the engine finds nothing otherwise"
    if name in ADDED and count != ADDED[name]:
        return f"{name} takes {ADDED[name]} arguments: write x := {name}(…) for its result"
    if count not in {BUILTINS[name], BUILTINS[name] + 1}:
        return f"{name} takes {BUILTINS[name]} arguments, here it gets {count}"
    return None


def check_data(program: Program) -> Iterator[Problem]:
    """References to data that nothing provides."""
    for rule in program.rules:
        for reference in rule.references:
            if reference.path[0] != "data" or len(reference.path) == 1:
                continue
            missing = _missing_data(program, reference)
            if missing:
                yield Problem(
                    reference.place,
                    f"{missing} is neither a rule nor in a data file: "
                    "add it to data.yaml or correct its name",
                )


def _missing_data(program: Program, reference: Reference) -> str | None:
    known = tuple(static(reference.path[1:]))
    for package in program.packages:
        if package[: len(known)] == known or program.rule_path_in(package, known):
            return None
    here: Any = program.data
    for depth, part in enumerate(known):
        if not isinstance(here, Mapping):
            return None
        if part not in here:
            return ".".join(("data", *(known if depth == 0 else known[: depth + 1])))
        here = here[part]
    return None


def check_input(program: Program) -> Iterator[Problem]:
    """References to parts of the input document that it never has."""
    for rule in program.rules:
        for reference in rule.references:
            if reference.path[0] == "input" and not _in_schema(program.schema, reference.path[1:]):
                path = ".".join(part or "[…]" for part in reference.path)
                yield Problem(
                    reference.place,
                    f"{path} is never in the input document: see input.schema.json",
                )


def _in_schema(schema: Schema, path: Sequence[str | None]) -> bool:
    here: Any = schema
    for part in path:
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[-1]]
        if "properties" in here:
            if part is None:
                return True
            if part not in here["properties"]:
                return False
            here = here["properties"][part]
        elif "items" in here:
            here = here["items"]
        else:
            return True
    return True


def check_negations(program: Program) -> Iterator[Problem]:
    """``not f(x)`` where x may be undefined: true for the engine, undefined for OPA."""
    for rule in program.rules:
        for reference in rule.negated:
            if reference.path[0] == "input" and not _certain(program.schema, reference.path[1:]):
                path = ".".join(part or "[…]" for part in reference.path)
                yield Problem(
                    reference.place,
                    f"{path} may be undefined, and then OPA and the engine disagree on this not: "
                    f"write x := {path} before it, or give it a default with object.get",
                )


def _certain(schema: Schema, path: Sequence[str | None]) -> bool:
    """Whether every input document has the path: names all the way, each one required."""
    here: Any = schema
    for part in path:
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[-1]]
        if part is None or part not in here.get("properties", {}):
            return False
        here = here["properties"][part]
    return True


def check_shapes(program: Program) -> Iterator[Problem]:
    """What a topic says must have the type that the fold takes; a default must be one."""
    defaults: dict[tuple[str, ...], Place] = {}
    for rule in program.rules:
        name = str(rule.head[0])
        if rule.kind == "default":
            path = (*rule.package, *static(rule.head))
            if path in defaults:
                yield Problem(rule.place, f"{name} has a default already: keep one of them")
            defaults[path] = rule.place
        if rule.kind == "set" and None in rule.head:
            yield Problem(
                rule.place,
                f"{name} is a set under a computed name, which the engine loses: "
                "write an object of sets",
            )
        if rule.package[:2] != TOPICS:
            continue
        if len(rule.package) != len(TOPICS) + 1 and (name in SETS or name == "allow"):
            topic = ".".join((*TOPICS, "<topic>"))
            yield Problem(rule.place, f"{name} is heard in a package {topic} only, one level deep")
        if name in SETS and rule.kind != "set":
            yield Problem(
                rule.place, f"{name} must be a set: write '{name} contains {{…}} if {{…}}'"
            )
        if name == "allow" and (rule.kind not in {"value", "default"} or len(rule.head) > 1):
            yield Problem(rule.place, "allow must be a plain rule: write 'allow if {…}'")


def check_topics(program: Program) -> Iterator[Problem]:
    """A topic that never says anything is misspelt."""
    said: dict[tuple[str, ...], set[str]] = defaultdict(set)
    first: dict[tuple[str, ...], Place] = {}
    for rule in program.rules:
        if rule.package[:2] == TOPICS and len(rule.package) == len(TOPICS) + 1:
            said[rule.package].add(str(rule.head[0]))
            first.setdefault(rule.package, rule.place)
    for package, names in said.items():
        if not names & (SETS | {"allow"}):
            yield Problem(
                first[package],
                f"the topic {package[-1]} says nothing: it has no deny, escalate, rewrite, stream "
                "or allow",
            )


def check_recursion(program: Program) -> Iterator[Problem]:
    """Rules that depend on themselves, or in a chain so long that the engine would die."""
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


def check_decision(program: Program) -> Iterator[Problem]:
    """There must be a data.helm.decision to ask for."""
    if ("helm", "decision") not in program.named:
        place = Place(program.rules[0].place.file if program.rules else "the policy", 1)
        yield Problem(place, "the policy defines no data.helm.decision, so it could decide nothing")


CHECKS: Sequence[Callable[[Program], Iterator[Problem]]] = (
    check_calls,
    check_data,
    check_input,
    check_negations,
    check_shapes,
    check_topics,
    check_recursion,
    check_decision,
)
