"""Definitions of budgets and limits, as data has them (`definition_data`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from .amounts import NO_LIMITS, Limits
from .windows import Window

type Kind = Literal["budget", "rate", "in_flight", "run"]
type Dimension = Literal[
    "principal", "key", "group", "address", "model", "host", "server", "operation", "session"
]

DIMENSIONS: Final[tuple[Dimension, ...]] = (
    "principal", "key", "group", "address", "model", "host", "server", "operation", "session",
)  # fmt: skip
EVER: Final = Window("ever")
MATCHES: Final = ("principals", "keys", "groups", "models", "hosts", "servers", "operations")


@dataclass(frozen=True, slots=True)
class Rate:
    """A pace: one call each `interval` (nanoseconds), and as many at once as `burst`."""

    interval: int
    burst: int


@dataclass(frozen=True, slots=True)
class Definition:
    """One budget or limit; `near` is the share of the limit from which on policy is told so.

    `shadow` counts and refuses nothing; `retry` tells clients to wait and ask again (429).
    `strict` reserves all that a call may cost, not what calls like it usually do.
    """

    name: str
    kind: Kind
    per: tuple[Dimension, ...]
    match: tuple[tuple[str, tuple[str, ...]], ...] = ()
    limits: Limits = NO_LIMITS
    window: Window = EVER
    near: float = 1.0
    shadow: bool = False
    retry: bool = False
    strict: bool = False
    include_usage: bool = False
    rate: Rate | None = None
    lasts: int | None = None
    """Nanoseconds that a run may last from its first call on."""

    @property
    def place(self) -> str:
        """Where in data it is."""
        return f"{'budgets' if self.kind == 'budget' else 'limits'}.{self.name}"

    @property
    def is_about_servers(self) -> bool:
        """Whether it counts calls of MCP servers' tools, and not of models."""
        return "server" in self.per or any(name == "servers" for name, _ in self.match)

    @property
    def counts_tokens(self) -> bool:
        """Whether it limits what only the provider counts."""
        return self.limits[1:] != (None, None, None)

    @property
    def counts_money(self) -> bool:
        """Whether it limits money."""
        return self.limits[3] is not None
