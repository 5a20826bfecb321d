"""Many streams of one dialect, some honest and most not, and what came of them."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from .mutations import mutate, tell_member_twice
from .shapes import Shape
from .shrinking import shrink
from .spellings import encode
from .tellings import draw_calls, retell
from .trial import Fault, Outcome, attempt

_EVERY = 4
"""One stream in so many is honest."""
_SHOWN = 12
"""Kinds of faults that are made small and shown."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How many streams of a dialect are tried: for some seconds, or a number of them."""

    seed: int
    seconds: float
    tellings: int | None

    def turns(self) -> Iterator[int]:
        """Count the streams to try."""
        end = time.monotonic() + self.seconds
        turn = 0
        while turn < self.tellings if self.tellings is not None else time.monotonic() < end:
            yield turn
            turn += 1


@dataclass(slots=True)
class Campaign:
    """One dialect's streams; a stream depends on the seed and its number only."""

    shape: Shape
    seed: int
    tried: int = 0
    refused: int = 0
    denied: int = 0
    held: int = 0
    honest: int = 0
    stopped: int = 0
    """How many honest streams didn't pass."""
    found: dict[str, tuple[int, Fault, list[bytes]]] = field(default_factory=dict)
    """By the kind of fault: how often, the first one, and the shortest stream that shows it."""

    def run(self, effort: Effort) -> None:
        """Try streams as long as the effort lasts."""
        for turn in effort.turns():
            rng = Random(f"{self.seed} {self.shape.name} {turn}")
            if turn % _EVERY:
                self._count(raws := self._dishonest(rng), attempt(self.shape, raws, rng))
            else:
                raws = self._honest(rng)
                self._count_honest(raws, attempt(self.shape, raws, rng))

    def figures(self) -> str:
        """Say in one line what was tried."""
        rest = max(1, self.tried - self.honest)
        return (
            f"{self.tried} streams; {self.honest - self.stopped} of {self.honest} honest ones "
            f"passed; {self.refused / rest:.0%} of the others were refused and "
            f"{self.denied / rest:.0%} denied; readers held {self.held} calls"
        )

    def report(self) -> str:
        """Show each kind of fault with the smallest stream that has it."""
        lines = [f"{self.shape.name}, --fuzz-seed {self.seed}:"]
        for kind, (count, fault, raws) in sorted(self.found.items())[:_SHOWN]:
            lines.append(f"{kind}, {count} times, as {fault.detail}:")
            lines += [f"    {event}" for event in shrink(self.shape, raws, kind)]
        return "\n".join(lines)

    def _honest(self, rng: Random) -> list[bytes]:
        calls = draw_calls(rng, self.shape.manner)
        events = self.shape.manner.write(calls, rng)
        return encode(events, rng, in_messages=self.shape.in_messages, is_named=self.shape.is_named)

    def _dishonest(self, rng: Random) -> list[bytes]:
        calls = draw_calls(rng, self.shape.manner)
        changes = rng.choice((0, 1, 1, 2, 3))
        if not changes or rng.random() < 0.3:
            calls = retell(rng, self.shape.manner, calls)
        events = copy.deepcopy(self.shape.manner.write(calls, rng))
        for _ in range(changes):
            mutate(rng, events)
        raws = encode(events, rng, in_messages=self.shape.in_messages, is_named=self.shape.is_named)
        if raws and rng.random() < 0.05:
            at = rng.randrange(len(raws))
            raws[at] = tell_member_twice(rng, raws[at])
        return raws

    def _count_honest(self, raws: list[bytes], outcome: Outcome) -> None:
        self.honest += 1
        self._count(raws, outcome)
        if outcome.is_stopped:
            self.stopped += 1
            self._note(Fault("an honest stream was stopped"), raws)

    def _count(self, raws: list[bytes], outcome: Outcome) -> None:
        self.tried += 1
        self.denied += outcome.is_denied
        self.refused += outcome.is_stopped and not outcome.is_denied
        self.held += outcome.held
        for fault in outcome.faults:
            self._note(fault, raws)

    def _note(self, fault: Fault, raws: list[bytes]) -> None:
        count, first, shortest = self.found.get(fault.kind, (0, fault, raws))
        kept = raws if len(raws) < len(shortest) else shortest
        self.found[fault.kind] = (count + 1, first, kept)
