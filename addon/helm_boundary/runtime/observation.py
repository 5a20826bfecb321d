"""An emergency: for a time verdicts are only written down, because somebody said so and why.

The order `observe` says until when. Every boundary of the state looks at it, writes a receipt and
then lets everything pass; when the time is over each enforces again by itself, also one that was
restarted meanwhile. Whatever can't be read, or isn't so by the clock, counts as over.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Self

from helm_boundary.fleet.orders import Orders
from helm_receipts.errors import ReceiptError

_NAME = "observe"
LONGEST = 24 * 3600
"""Seconds; whoever needs longer says it again, or sets helm_mode."""


@dataclass(frozen=True, slots=True)
class Observation:
    """From when until when (seconds since 1970), who said so, why, and the receipt of it.

    The times are this machine's; an order has those of the state's clock, which all go by.
    """

    began: float
    until: float
    by: str
    why: str
    receipt: str

    @classmethod
    def read(cls, orders: Orders) -> Self | None:
        """Return the one that is in force; None where there is none, or none any more."""
        with suppress(OSError, ReceiptError, ValueError, TypeError):
            said = cls(**json.loads(orders.read(_NAME) or b""))
            if round(said.until - said.began) > LONGEST:  # a clock's difference isn't whole
                return None
            said = said._moved(-orders.ahead())
            if said.began <= time.time() < said.until:
                return said
        return None

    def write(self, orders: Orders) -> None:
        """Have every boundary of the state follow it; raises OSError or ReceiptError."""
        said = self._moved(orders.ahead())
        orders.write(_NAME, json.dumps(asdict(said)).encode() + b"\n")

    def _moved(self, seconds: float) -> Self:
        return replace(self, began=self.began + seconds, until=self.until + seconds)

    @property
    def seconds_left(self) -> float:
        """How long it goes on."""
        return max(0.0, self.until - time.time())


def end(orders: Orders) -> None:
    """Have every boundary enforce again; raises OSError or ReceiptError."""
    orders.remove(_NAME)
