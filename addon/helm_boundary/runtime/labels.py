"""The values that labels may have: names of the catalogue and of policies, or `other`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from helm_boundary.calls.hosts import provider_of
from helm_boundary.matching.catalogue import UNKNOWN, known_operations
from helm_boundary.policy.authoring.reason_codes import REASON_CODES
from helm_receipts.errors import ReceiptError

from .health import Health

logger = logging.getLogger(__name__)

OTHER = "other"
_OPERATIONS = frozenset(each.id for each in known_operations().operations) | {UNKNOWN.id}


@dataclass(slots=True)
class Labels:
    """The names that the policies in force write; `learn` adds those of one more."""

    rules: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=lambda: set(REASON_CODES))
    models: set[str] = field(default_factory=set)
    prefixes: tuple[str, ...] = ()

    def learn(self, names: dict[str, list[str]]) -> None:
        """Add what a boundary says that its policy writes."""
        self.rules.update(names.get("rules", ()))
        self.codes.update(names.get("codes", ()))
        self.models.update(names.get("models", ()))
        prefixes = {*self.prefixes, *filter(None, names.get("prefixes", ()))}
        self.prefixes = tuple(sorted(prefixes, key=len, reverse=True))

    def learn_running(self, boundaries: Callable[[], Iterable[Health]]) -> None:
        """Add what the boundaries say that run; `boundaries` looks for them."""
        try:
            for health in boundaries():
                self.learn(health.labels)
        except (ReceiptError, OSError) as error:
            logger.warning("helm-boundary: a boundary doesn't answer: %s", error)

    def operation(self, name: str | None) -> str:
        """Return an operation of the catalogue."""
        return name if name in _OPERATIONS else OTHER

    def mcp_method(self, route: str) -> str:
        """Return a method of MCP's as the catalogue has it; what is no request is in brackets."""
        return OTHER if route.startswith("(") else route

    def provider(self, host: str | None) -> str:
        """Return the known provider at a host, given with its port."""
        return provider_of((host or "").rpartition(":")[0])

    def model(self, name: str | None) -> str:
        """Return a model that policy names, or the beginning that policy has of it, and `*`."""
        if name is None or name in self.models:
            return name or "none"
        found = next((each for each in self.prefixes if name.startswith(each)), None)
        return OTHER if found is None else f"{found}*"

    def reasons(self, codes: str, rules: str) -> Iterable[tuple[str, str]]:
        """Return the reasons of a receipt, as the index has them: code and rule of each."""
        for code, rule in zip(codes.split(), rules.split(), strict=False):
            yield code if code in self.codes else OTHER, rule if rule in self.rules else OTHER
