"""A boundary as somebody wants it started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Order:
    """A boundary as somebody wants it; empty members leave mitmproxy's or our default.

    `settings` are mitmproxy options as `name=value`, `extra` goes to mitmproxy as it is: it comes
    last and wins.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    modes: tuple[str, ...] = ()
    state: Path | None = None
    policies: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def named(self, name: str) -> str:
        """Return the last value that a setting has, empty where it has none."""
        values = [each.partition("=")[2] for each in self.settings if each.startswith(f"{name}=")]
        return values[-1] if values else ""


def run_arguments(order: Order) -> list[str]:
    """Return the arguments for `helm-boundary run` that stand for the order."""
    return [
        *("--host", order.host, "--port", str(order.port)),
        *(("--state", str(order.state)) if order.state else ()),
        *each("--mode", order.modes),
        *each("--policy", [str(folder) for folder in order.policies]),
        *each("--set", order.settings),
        *(("--", *order.extra) if order.extra else ()),
    ]


def each(flag: str, values: Sequence[str]) -> list[str]:
    """Return the flag in front of every value."""
    return [part for value in values for part in (flag, value)]
