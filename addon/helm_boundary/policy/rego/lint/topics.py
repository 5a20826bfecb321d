"""Checks that what a topic says has the type and the place that the fold expects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from difflib import get_close_matches

from helm_boundary.policy.rego.syntax import Place, static

from .program import Problem, Program

TOPICS = ("helm", "rules")
SETS = frozenset({"deny", "escalate", "rewrite", "stream"})
WORDS = SETS | {"allow"}
NEAR = {True: 0.6, False: 0.8}
"""How alike the name of a set, or of another rule, must be to a word to be a slip of it."""


def check_shapes(program: Program) -> Iterator[Problem]:
    """Find what the fold wouldn't take from a topic, and a second default for one name."""
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
        if len(rule.package) != len(TOPICS) + 1 and name in WORDS:
            topic = ".".join((*TOPICS, "<topic>"))
            yield Problem(rule.place, f"{name} is heard in a package {topic} only, one level deep")
        if name in SETS and rule.kind != "set":
            yield Problem(
                rule.place, f"{name} must be a set: write '{name} contains {{…}} if {{…}}'"
            )
        if name == "allow" and (rule.kind not in {"value", "default"} or len(rule.head) > 1):
            yield Problem(rule.place, "allow must be a plain rule: write 'allow if {…}'")


def check_topics(program: Program) -> Iterator[Problem]:
    """Find topics that never say anything: their rules are misspelt."""
    said: dict[tuple[str, ...], set[str]] = defaultdict(set)
    first: dict[tuple[str, ...], Place] = {}
    for rule in program.rules:
        if rule.package[:2] == TOPICS and len(rule.package) == len(TOPICS) + 1:
            said[rule.package].add(str(rule.head[0]))
            first.setdefault(rule.package, rule.place)
    for package, names in said.items():
        if not names & WORDS:
            yield Problem(
                first[package],
                f"the topic {package[-1]} says nothing: it has no deny, escalate, rewrite, stream "
                "or allow",
            )


def check_misspelt(program: Program) -> Iterator[Problem]:
    """Find rules that nobody reads, in topics, under what is nearly a word of the fold's."""
    read, parts = _read(program)
    for rule in program.rules:
        name = str(rule.head[0])
        is_topic = rule.package[:2] == TOPICS and len(rule.package) == len(TOPICS) + 1
        if not is_topic or rule.kind == "function" or name in WORDS:
            continue
        near = get_close_matches(name, WORDS, 1, NEAR[rule.kind == "set"])
        if near and name not in parts and (*rule.package, name) not in read:
            yield Problem(rule.place, f"{name} is read by nobody: did you mean {near[0]}?")


def _read(program: Program) -> tuple[set[tuple[str, ...]], set[str | None]]:
    """Return the rules that others name, and names that stand behind a computed one."""
    read: set[tuple[str, ...]] = set()
    parts: set[str | None] = set()
    for rule in program.rules:
        paths = [each.path for each in rule.references] + [each.name for each in rule.calls]
        for path in paths:
            read.add(program.rule_path(rule, path) or ())
            if None in path:
                parts.update(path[path.index(None) :])
    return read, parts


def check_decision(program: Program) -> Iterator[Problem]:
    """Check that there is a data.helm.decision to ask for."""
    if ("helm", "decision") not in program.named:
        place = Place(program.rules[0].place.file if program.rules else "the policy", 1)
        yield Problem(place, "the policy defines no data.helm.decision, so it could decide nothing")
