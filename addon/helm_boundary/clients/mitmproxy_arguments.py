"""What mitmproxy is started with, so that it is a boundary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "script" / "helm.py"


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


def run_arguments(order: Order) -> list[str]:
    """Return the arguments for `helm-boundary run` that stand for the order."""
    return [
        *("--host", order.host, "--port", str(order.port)),
        *(("--state", str(order.state)) if order.state else ()),
        *_each("--mode", order.modes),
        *_each("--policy", [str(folder) for folder in order.policies]),
        *_each("--set", order.settings),
        *(("--", *order.extra) if order.extra else ()),
    ]


def mitmproxy_arguments(order: Order) -> list[str]:
    """Return the arguments for mitmdump or mitmweb."""
    from helm_boundary.runtime.unsafe_options import SAFE_DEFAULTS

    helm: dict[str, object] = {"helm_state": order.state} if order.state else {}
    settings = [*_settings({name: safe for name, (safe, _) in SAFE_DEFAULTS.items()} | helm)]
    # An option that takes many values takes each with a --set of its own.
    settings += [f"helm_policy={folder}" for folder in order.policies]
    return [
        *("--listen-host", order.host, "--listen-port", str(order.port)),
        *_each("--mode", order.modes),
        *("-s", str(SCRIPT)),
        *_each("--set", (*settings, *order.settings)),
        *order.extra,
    ]


def _settings(values: Mapping[str, object]) -> list[str]:
    return [
        f"{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
    ]


def _each(flag: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in (flag, value)]
