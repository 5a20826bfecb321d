"""A policy as the checks see it, and what they have to say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from helm_boundary.policy.rego.syntax import Place, Rule, static

if TYPE_CHECKING:
    from .inference import Inference

type Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault that must be put right before the policy can be used."""

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
        self._callers = self._find_callers()

    @cached_property
    def inference(self) -> Inference:
        """The inference of what can be told of its expressions without evaluating them."""
        from .inference import Inference

        return Inference(self)

    def rule_path_in(self, package: tuple[str, ...], path: tuple[str, ...]) -> bool:
        """Tell whether the path goes to or into a rule of the package."""
        size = len(package)
        return path[:size] == package and path[: size + 1] in self.named

    def rule_path(self, rule: Rule, path: Sequence[str | None]) -> tuple[str, ...] | None:
        """Return the path of the rule that a reference in ``rule`` names, or None."""
        return self.path_from(rule.package, path)

    def path_from(
        self, package: tuple[str, ...], path: Sequence[str | None]
    ) -> tuple[str, ...] | None:
        """Return the path of the rule that a reference in the package names, or None."""
        known = tuple(static(tuple(path)))
        if known[:1] == ("data",):
            return next(
                (known[1:n] for n in range(2, len(known) + 1) if known[1:n] in self.named), None
            )
        local = (*package, *known[:1])
        return local if known and local in self.named else None

    def callers(self, function: tuple[str, ...]) -> Sequence[Rule]:
        """Return the rules that call a function."""
        return self._callers[function]

    def _find_callers(self) -> dict[tuple[str, ...], list[Rule]]:
        found: dict[tuple[str, ...], list[Rule]] = defaultdict(list)
        for rule in self.rules:
            for path in {self.rule_path(rule, call.name) for call in rule.calls} - {None}:
                found[path or ()].append(rule)
        return found
