"""Back to an earlier policy, because somebody said so and why.

The order `rollback` names the policy that is refused and the one in its place, both by digest. It
holds for that one policy alone: as soon as the policy's source gives a third one, that is tried
and taken as any change.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Self

from helm_boundary.fleet.orders import Orders

_NAME = "rollback"


@dataclass(frozen=True, slots=True)
class Rollback:
    """Which policy is refused, which is in its place, who said so, why, and its receipt."""

    refused: str
    instead: str
    by: str
    why: str
    receipt: str

    @classmethod
    def read(cls, orders: Orders) -> Self | None:
        """Return the one that is in force, None without one.

        Raises:
            ReceiptError: the database doesn't answer, so that nobody knows.
        """
        with suppress(OSError, ValueError, TypeError):
            return cls(**json.loads(orders.read(_NAME) or b""))
        return None

    def write(self, orders: Orders) -> None:
        """Have every boundary of the state follow it; raises OSError or ReceiptError."""
        orders.write(_NAME, json.dumps(asdict(self)).encode() + b"\n")


def end(orders: Orders) -> None:
    """Have every boundary take its policy from its source again; raises OSError or ReceiptError."""
    orders.remove(_NAME)
