"""Cases of a test: ``test_n[note] if { some note, case in {…}; … }``, each of which must hold.

The rule's value has the cases that hold. Which there are, a rule of ours tells, which has the
test's statements up to the one that gives the note its value
(https://www.openpolicyagent.org/docs/policy-testing#test-cases).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from helm_boundary.policy.rego.imports import declared, names_in
from helm_boundary.policy.rego.syntax import Rule

NOTES = "helm_cases_"  # with the test's name behind it


def with_notes(modules: Mapping[str, str], rules: Iterable[Rule]) -> dict[str, str]:
    """Return modules with a rule more for each test that has cases."""
    added: dict[str, list[str]] = defaultdict(list)
    for rule in rules:
        if rule.bracketed and str(rule.head[0]).startswith("test_"):
            added[rule.module.file].append(_notes(rule))
    return {file: "\n\n".join([text, *added[file]]) for file, text in modules.items()}


def _notes(rule: Rule) -> str:
    texts = [rule.module.text(key_span(key)) for key in rule.keys]
    statements = [rule.module.text(node["span"]) for node in _until_bound(rule)]
    body = "\n\t".join(statements or ["true"])
    return f"{NOTES}{rule.head[0]} contains [{', '.join(reversed(texts))}] if {{\n\t{body}\n}}\n"


def key_span(key: Mapping[str, Any]) -> Mapping[str, int]:
    """Return where a key stands."""
    span: Mapping[str, int] = next(iter(key.values()))["span"]
    return span


def _until_bound(rule: Rule) -> Sequence[Any]:
    wanted = {name for key in rule.keys for name in names_in(key)}
    statements = rule.bodies[0].statements
    for size in range(len(statements) + 1):
        if wanted <= declared(rule.module, statements[:size]):
            return statements[:size]
    return statements


def failed_cases(value: Any, notes: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the notes of the cases that don't hold in a test's value."""
    for note in notes:
        here = value
        for key in note:
            here = here.get(str(key)) if isinstance(here, Mapping) else None
        if here is not True:
            yield "/".join(map(str, note))
