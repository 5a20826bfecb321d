"""One call's account: what it was expected to use, what it reserved, and what it was charged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from helm_boundary.budgets import windows
from helm_boundary.budgets.amounts import NOTHING, Amounts
from helm_boundary.budgets.definitions import Definition
from helm_boundary.budgets.estimates import Estimate
from helm_boundary.budgets.rates import Rates
from helm_boundary.budgets.store import Claim, Place, Reserved
from helm_receipts.envelope.statement import BudgetLine

type Claimed = tuple[tuple[Definition, Claim], ...]
"""What a call claims, under which definitions."""


@dataclass(slots=True)
class Account:
    """The account of a call that is `calls` calls (a batch is several)."""

    calls: int
    estimates: tuple[Estimate, ...]
    rates: Rates | None
    claims: Claimed
    reserved: tuple[Reserved, ...] = ()
    charged: dict[Place, Amounts] = field(default_factory=dict)
    shadows: frozenset[Place] = field(init=False)
    """The balances that refuse nothing."""

    def __post_init__(self) -> None:
        self.shadows = frozenset(
            claim.place for definition, claim in self.claims if definition.shadow
        )

    @property
    def kept(self) -> list[Reserved]:
        """What receipts speak of: not what is only held while the call goes on."""
        return [one for one in self.reserved if not one.claim.returned]

    def charge(self, amounts: Amounts) -> None:
        """Charge every balance that the call counts in."""
        for one in self.reserved:
            self.charged[one.claim.place] = NOTHING if one.claim.returned else amounts

    def request_lines(self) -> tuple[BudgetLine, ...]:
        """Say in the request's receipt what was reserved."""
        return tuple(
            BudgetLine(
                one.claim.scope,
                windows.told(one.claim.span),
                before=one.before.named(),
                reserved=one.claim.amounts.named(),
                after=one.after.named(),
                shadow=one.claim.place in self.shadows,
            )
            for one in self.kept
        )

    def outcome_lines(self, used: Sequence[Amounts]) -> tuple[BudgetLine, ...]:
        """Say in the outcome's receipt what was charged; `used` is what was before, if known."""
        lines = []
        for at, one in enumerate(self.kept):
            charged = self.charged[one.claim.place]
            after = used[at].minus(one.claim.amounts).plus(charged).named() if used else None
            lines.append(
                BudgetLine(
                    one.claim.scope,
                    windows.told(one.claim.span),
                    charged=charged.named(),
                    after=after,
                    shadow=one.claim.place in self.shadows,
                )
            )
        return tuple(lines)
