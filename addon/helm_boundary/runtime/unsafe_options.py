"""mitmproxy options with which the boundary would not be one.

mitmproxy is made to look at traffic, so much of what it can be told lets traffic past an addon.
Where its default is unsafe we set the safe value ourselves and say so; where somebody set an
unsafe one, we don't start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitmproxy.proxy import mode_specs

from .options import OptionValues

BODY_SIZE_LIMIT = "1g"

SAFE_DEFAULTS: dict[str, tuple[Any, str]] = {
    "connection_strategy": ("lazy", "so that no upstream is contacted before the verdict"),
    "rawtcp": (False, "so that nothing passes which isn't HTTP"),
    "body_size_limit": (BODY_SIZE_LIMIT, "so that no body can fill the memory"),
}
"""Options whose defaults are unsafe: the value that is safe, and why."""

_UNSAFE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "stream_large_bodies": (bool, "bodies would leave before they are judged; leave it unset"),
    "ignore_hosts": (bool, "those hosts would bypass the boundary; leave it empty"),
    "allow_hosts": (bool, "every other host would bypass the boundary; leave it empty"),
    "tcp_hosts": (bool, "those hosts would bypass the boundary; leave it empty"),
    "udp_hosts": (bool, "those hosts would bypass the boundary; leave it empty"),
    "ssl_insecure": (bool, "anybody could answer in the provider's place; trust its CA instead"),
    "validate_inbound_headers": (lambda on: not on, "requests could be smuggled; leave it on"),
    "connection_strategy": (
        lambda strategy: strategy != "lazy",
        "the provider would be contacted before the verdict; set it to lazy",
    ),
    "rawtcp": (bool, "bytes that aren't HTTP would pass unjudged; set it to false"),
    "body_size_limit": (lambda limit: not limit, "a body could fill the memory; set it, as in 1g"),
}

_HTTP_REVERSE = frozenset({"http", "https", "http3"})


def unsafe_options(options: OptionValues) -> list[str]:
    """Say what is wrong with the options in force: a line each, with the remedy."""
    found = [
        f"{name}={_shown(getattr(options, name))}: {why}"
        for name, (is_unsafe, why) in _UNSAFE.items()
        if is_unsafe(getattr(options, name))
    ]
    return found + [line for spec in options.mode if (line := _unsafe_mode(spec))]


def safe_defaults(options: OptionValues, defaults: Callable[[str], Any]) -> dict[str, Any]:
    """Return the safe values for options that still have mitmproxy's unsafe default.

    `defaults` gives an option's default value.
    """
    return {
        name: value
        for name, (value, _) in SAFE_DEFAULTS.items()
        if getattr(options, name) == defaults(name) and getattr(options, name) != value
    }


def _unsafe_mode(spec: str) -> str | None:
    mode = mode_specs.ProxyMode.parse(spec)
    if isinstance(mode, mode_specs.ReverseMode) and mode.scheme not in _HTTP_REVERSE:
        return f"mode={spec}: only HTTP can be judged; use reverse:http://… or reverse:https://…"
    return None


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list | tuple) else str(value)
