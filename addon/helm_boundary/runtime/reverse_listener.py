"""Where a reverse listener leads."""

from __future__ import annotations

from mitmproxy.proxy import mode_specs


def target_of(mode: str) -> str | None:
    """Return the host and port that a listener of that mode leads to; None for other listeners."""
    spec = mode_specs.ProxyMode.parse(mode)
    if not isinstance(spec, mode_specs.ReverseMode):
        return None
    host, port = spec.address
    return f"{host}:{port}"
