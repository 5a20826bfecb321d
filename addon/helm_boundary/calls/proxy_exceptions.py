"""Hosts that are reached without a proxy, as NO_PROXY names them.

There is no standard. Read as most clients do (curl, Go, Python, Node): `*` is every host; a name,
with or without a leading dot, is that host and what is under it; an address or a network of
addresses (`10.0.0.0/8`) is those; an entry may end with a port.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from .hosts import canonical_host, split_port


def named_exceptions(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the entries of NO_PROXY, whose lower-case spelling wins."""
    said = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return tuple(entry for each in said.replace(" ", ",").split(",") if (entry := each.strip()))


def exception_for(entries: Iterable[str], host: str, port: int | None = None) -> str | None:
    """Return the first entry that excepts a host, and a port where both name one, else None."""
    wanted = canonical_host(host)
    return next((entry for entry in entries if _excepts(entry, wanted, port)), None)


def _excepts(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _is_within(entry, host)
    name, own_port = split_port(entry)
    if own_port is not None and port is not None and own_port != port:
        return False
    name = canonical_host(name.removeprefix("*").lstrip("."))
    return bool(name) and (host == name or host.endswith("." + name))


def _is_within(network: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
