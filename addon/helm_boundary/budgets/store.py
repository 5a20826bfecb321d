"""The store of balances: what every engine of it does, embedded or on a server.

A reservation is made in all of its scopes or in none, whatever other processes do meanwhile, and
belongs to a call until that is settled or released. The store may lag behind the receipts, which
are the truth: it can be written again from them (`books`).

An engine on a server reserves in one statement that locks the rows in the order of their keys, and
its clock is the one that counts; so `now_ns` is asked of the store, and claims are sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from .amounts import NO_LIMITS, NOTHING, Amounts, Limits
from .definitions import Rate
from .windows import Span

KEPT_NS: Final = 400 * 86_400 * 1_000_000_000
"""How long balances of windows that are over are kept, in nanoseconds: a clock may be set back."""


FILE_FACT: Final = "batch:"
"""How facts about files of batches begin; each is JSON and has `at` (nanoseconds since 1970)."""


class StoreError(Exception):
    """The balances can't be read or written, so nothing may be spent; says why."""


class StoreDamaged(StoreError):
    """The balances are there and can't be understood; receipts have them again."""


class Place(NamedTuple):
    """One balance: a scope in the window that starts then (nanoseconds since 1970)."""

    scope: str
    start: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a call reserves of one balance.

    `limits` are what may be used in all; where not `enforced` they refuse nothing. What is
    `returned` at the call's end, whatever it cost, only bounds how many calls there are at a time.
    A `rate` bounds how soon one may follow another, `lasts` (nanoseconds) how long after the first.
    """

    scope: str
    span: Span
    amounts: Amounts = NOTHING
    limits: Limits = NO_LIMITS
    enforced: bool = True
    returned: bool = False
    rate: Rate | None = None
    lasts: int | None = None
    place: Place = field(init=False, repr=False, compare=False)
    """The balance that it is about."""

    def __post_init__(self) -> None:
        # It is asked for a dozen times for each call.
        object.__setattr__(self, "place", Place(self.scope, self.span.start))


@dataclass(frozen=True, slots=True)
class Reserved:
    """One claim that was met: what was used of its balance, reservations included, before it."""

    claim: Claim
    before: Amounts

    @property
    def after(self) -> Amounts:
        """What is used with it."""
        return self.before.plus(self.claim.amounts)


@dataclass(frozen=True, slots=True)
class Short:
    """The first claim that couldn't be met, and in which kind: nothing was reserved.

    `kind` is one of the amounts', `rate` or `minutes`. `until` is when it can be met at the
    soonest, in nanoseconds since 1970; None where time alone changes nothing.
    """

    claim: Claim
    kind: str
    until: int | None


@dataclass(frozen=True, slots=True)
class Balance:
    """What was used of one balance: settled, and reserved by calls that go on."""

    place: Place
    end: int | None
    settled: Amounts
    reserved: Amounts

    @property
    def used(self) -> Amounts:
        """Both together."""
        return self.settled.plus(self.reserved)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A reservation whose process is gone: its call's id, when it was made, what it reserves."""

    call: str
    made: int
    amounts: Mapping[Place, Amounts]


class Store(Protocol):
    """Balances and reservations; all raise `StoreError` where they can't be read or written."""

    def now_ns(self) -> int:
        """Return the time by which windows are told, in nanoseconds since 1970."""
        ...

    async def used(self, places: Sequence[Place]) -> list[Amounts]:
        """Return what is used of each balance, reservations included."""
        ...

    async def reserve(self, call: str, claims: Sequence[Claim]) -> tuple[Reserved, ...] | Short:
        """Reserve for a call in all of its scopes, or in none."""
        ...

    async def settle(self, call: str, charged: Mapping[Place, Amounts]) -> bool:
        """Replace a call's reservation by what it cost; False where it is settled already."""
        ...

    async def orphans(self) -> list[Orphan]:
        """Return the reservations of processes that are gone."""
        ...

    async def balances(self) -> list[Balance]:
        """Return every balance there is, by scope and window."""
        ...

    def balances_now(self) -> list[Balance]:
        """Return the same without an event loop, for whoever reads while it is rebuilt."""
        ...

    async def adjust(self, place: Place, end: int | None, amounts: Amounts) -> Balance:
        """Add to what is settled of a balance, which may take away too; returns it as it is now."""
        ...

    async def rebuild(self, read: Callable[[Collection[str]], Iterable[Balance]]) -> None:
        """Replace what is settled, whole; reservations of calls that go on stay as they are.

        `read` is told the ids of those calls, and returns the balances without them.
        """
        ...

    async def open_calls(self) -> frozenset[str]:
        """Return the ids of the calls that have something reserved."""
        ...

    async def fact(self, name: str) -> str | None:
        """Return what was noted beside the balances under that name."""
        ...

    async def note(self, name: str, value: str) -> None:
        """Note something beside the balances."""
        ...

    def close(self) -> None:
        """Give the store back. Idempotent."""
        ...
