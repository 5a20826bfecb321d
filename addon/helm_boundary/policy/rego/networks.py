"""``net.cidr_*`` as OPA has them: Go's net, https://pkg.go.dev/net.

There an address of IPv4 that is written as one of IPv6, ``::ffff:10.0.0.1``, is one of IPv4: in
``10.0.0.0/8``, and not in ``::/0``. The engine's own, and Python's, take it for another address.
What is no network raises, which ends the evaluation: DENY.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .arguments import as_text

MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
MAX_ADDRESSES = 65_536  # in a network that is written out

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def contains(network: str, inner: str) -> bool:
    """Tell whether a network holds an address, or all of another network."""
    outer = _network(network)
    found = _network(inner) if "/" in as_text(inner) else _single(inner)
    return outer.version == found.version and found.subnet_of(outer)  # type: ignore[arg-type]


def intersects(first: str, second: str) -> bool:
    """Tell whether two networks share an address."""
    one, two = _network(first), _network(second)
    return one.version == two.version and one.overlaps(two)


def expand(network: str) -> set[str]:
    """Return every address of a network; ValueError when these are too many."""
    found = _network(network)
    if found.num_addresses > MAX_ADDRESSES:
        raise ValueError(f"expected a network of at most {MAX_ADDRESSES} addresses")
    return {str(address) for address in found}


def merge(networks: Iterable[str]) -> set[str]:
    """Return the fewest networks that hold the same addresses.

    ValueError where addresses of IPv4 are written as those of IPv6: OPA leaves these unmerged.
    """
    found = [_written(network) for network in networks]
    if any(_is_mapped(network) for network in found) and len(found) > 1:
        raise ValueError("expected addresses of IPv4 to be written as such")
    found = [_plain(network) for network in found]
    if any(
        isinstance(network, ipaddress.IPv6Network) and _has_mapped(network) for network in found
    ):
        found = [network for network in found if network.version == 6]
    merged: set[str] = set()
    for version in (4, 6):
        same: list[Any] = [network for network in found if network.version == version]
        merged |= {str(network) for network in ipaddress.collapse_addresses(same)}
    return merged


def _single(text: str) -> Network:
    if "%" in text:
        raise ValueError("expected an address without a zone")
    return _plain(ipaddress.ip_network(text))


def _network(text: str) -> Network:
    return _plain(_written(text))


def _written(text: str) -> Network:
    address, slash, size = as_text(text).partition("/")
    if not slash:
        raise ValueError("expected an address with a prefix length")  # OPA guesses one, by class
    if "%" in address or not (size.isascii() and size.isdigit()):
        raise ValueError("expected an address and a prefix length")
    return ipaddress.ip_network(f"{address}/{size}", strict=False)


def _plain(network: Network) -> Network:
    """Return the network of IPv4 that one of IPv6 stands for, or the network itself."""
    if isinstance(network, ipaddress.IPv6Network) and _is_mapped(network):
        last = int(network.network_address) & 0xFFFF_FFFF
        return ipaddress.IPv4Network((last, network.prefixlen - MAPPED.prefixlen))
    return network


def _is_mapped(network: Network) -> bool:
    return isinstance(network, ipaddress.IPv6Network) and network.subnet_of(MAPPED)


def _has_mapped(network: ipaddress.IPv6Network) -> bool:
    return MAPPED.subnet_of(network)


# Name, number of arguments, function.
FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "net.cidr_contains": (2, contains),
    "net.cidr_expand": (1, expand),
    "net.cidr_intersects": (2, intersects),
    "net.cidr_merge": (1, merge),
}
