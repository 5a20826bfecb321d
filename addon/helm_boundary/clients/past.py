"""What a program did past the boundary, or failed to do through it: of this there is no receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from helm_boundary.runtime.health import Untrusting

from .connection_watch import Outside
from .trust_remedies import is_known, remedy_for

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Distrust:
    """Connections of one program to one host that failed, because it doesn't trust our authority.

    `reads` is what its kind reads to find those that it trusts; `program` may be unknown.
    """

    program: str
    host: str
    times: int
    reads: str


@dataclass(frozen=True, slots=True)
class Past:
    """What there is no receipt of."""

    outside: tuple[Outside, ...] = ()
    distrust: tuple[Distrust, ...] = ()

    def lines(self) -> list[str]:
        """Return it for a person."""
        told = []
        if self.outside:
            shown = [
                f"{each.program or 'a program'} to {_place(each)}" for each in self.outside[:_SHOWN]
            ]
            more = len(self.outside) - len(shown)
            told.append(
                f"connections past the boundary, which saw nothing of them: {', '.join(shown)}"
                + (f" and {more} more" if more else "")
                + ". --base-url leads programs that ignore proxies; --confine leaves no other way."
            )
        for each in self.distrust:
            told.append(
                f"{each.program or 'a program'} doesn't trust the boundary's authority: "
                f"{each.times} failed connection{'s' * (each.times > 1)} to {each.host}. "
                f"It reads {each.reads}."
            )
        return told

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "outside": [asdict(each) for each in self.outside],
            "distrust": [asdict(each) for each in self.distrust],
        }


def untrusting(
    failed: Iterable[Untrusting], programs: Mapping[int, str], started: str
) -> tuple[Distrust, ...]:
    """Count failed connections by program and host; `programs` has them by their own ports.

    One that was over too soon to be seen is taken for the program that was `started`, where that
    is of a kind that makes connections itself.
    """
    usual = started if is_known(started) else ""
    counted = Counter((programs.get(each.port) or usual, each.host) for each in failed)
    return tuple(
        Distrust(program, host, times, remedy_for(program))
        for (program, host), times in counted.items()
    )


def _place(outside: Outside) -> str:
    host = f"[{outside.host}]" if ":" in outside.host else outside.host
    return f"{host}:{outside.port}"
