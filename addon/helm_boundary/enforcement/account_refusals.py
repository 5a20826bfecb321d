"""Why a call has no account: what its budgets count can't be told beforehand."""

from __future__ import annotations

from helm_boundary.budgets.claims import unpriced, untold
from helm_boundary.budgets.definitions import Definition
from helm_boundary.calls.refusal import Refusal

from .batch_files import CREATE


class Unpriced(Refusal):
    """A call under a budget in money, to a model without a price."""

    def __init__(self, definition: Definition, model: str | None) -> None:
        refusal = unpriced(definition, model)
        super().__init__(refusal.code, refusal.message, refusal.finality)
        self.definition = definition


class Untold(Refusal):
    """Work that a provider does later, under a budget that counts what nobody can tell now."""

    def __init__(self, definition: Definition, operation: str) -> None:
        refusal = untold(definition, operation, is_batch=operation == CREATE)
        super().__init__(refusal.code, refusal.message, refusal.finality)
        self.definition = definition
