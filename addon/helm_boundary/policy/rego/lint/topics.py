"""Checks that what a topic says has the type and the place that the fold expects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from helm_boundary.policy.rego.syntax import Place, static

from .program import Problem, Program

TOPICS = ("helm", "rules")
SETS = frozenset({"deny", "escalate", "rewrite", "stream"})


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
    """Find topics that never say anything: their rules are misspelt."""
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


def check_decision(program: Program) -> Iterator[Problem]:
    """Check that there is a data.helm.decision to ask for."""
    if ("helm", "decision") not in program.named:
        place = Place(program.rules[0].place.file if program.rules else "the policy", 1)
        yield Problem(place, "the policy defines no data.helm.decision, so it could decide nothing")
