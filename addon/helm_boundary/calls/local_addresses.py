"""Addresses of this machine and of private networks, and which of them may be reached."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from .hosts import HostPatternError, parse_host_pattern, split_port

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 behind a translator (RFC 6052 section 2.1)."""

type Place = tuple[str, int]
"""An IP address and a port."""


class LocalPlaceError(ValueError):
    """A value that isn't HOST:PORT, or a host that has no address."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What clients may reach here: `everything`, or of local addresses `places` alone."""

    everything: bool = True
    places: frozenset[Place] = frozenset()

    def forbids(self, address: str, port: int) -> bool:
        """Tell whether an IP address is a local one that may not be reached."""
        if self.everything or not is_local(address):
            return False
        return (address.partition("%")[0], port) not in self.places


EVERYTHING = Reach()
"""What clients reach that aren't confined."""


def read_reach(values: Sequence[str]) -> Reach:
    """Read `any`, `none`, or a list of HOST:PORT; hosts are resolved now, once.

    Raises:
        LocalPlaceError: something else, or a host that has no address.
    """
    if list(values) == ["any"]:
        return EVERYTHING
    named = [] if list(values) == ["none"] else values
    return Reach(False, frozenset(place for value in named for place in _places(value)))


def _places(value: str) -> list[Place]:
    host, port = split_port(value)
    try:
        pattern = parse_host_pattern(value)
    except HostPatternError:
        pattern = None
    if pattern is None or pattern.any_label or pattern.prefix or port is None:
        raise LocalPlaceError(f"expected HOST:PORT, as in localhost:11434, found {value!r}")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LocalPlaceError(f"{value}: the host has no address ({error.strerror})") from None
    return [(str(place[0]), port) for *_, place in found]


def is_local(address: str) -> bool:
    """Tell whether an IP address is this machine's, or in a network that isn't everybody's."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = _embedded(found)
        if inner is not None:
            return is_local(str(inner))
    return not found.is_global or found.is_multicast or _is_own(str(found), found.version)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to, None where there is none."""
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_own(address: str, version: int) -> bool:
    """Tell whether an address is one of this machine's: then it is its own way to itself."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:  # sends nothing
            asked.connect((address, 9))
            return bool(asked.getsockname()[0] == address)
    except OSError:
        return False
