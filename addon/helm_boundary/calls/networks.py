"""Networks that an operator names: `10.0.0.0/8`, `fd00::/8`, or one address."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network
type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NetworkError(ValueError):
    """A text names no network; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Some networks; an IPv4 address that is written as an IPv6 one is in those of its own."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def read(cls, texts: Sequence[str]) -> Self:
        """Read networks and single addresses; raises NetworkError."""
        return cls(tuple(map(_network, texts)))

    def __bool__(self) -> bool:
        return bool(self.networks)

    def __contains__(self, address: str) -> bool:
        found = read_address(address)
        return found is not None and any(found in network for network in self.networks)


NOWHERE = Networks()


def read_address(text: str) -> Address | None:
    """Read an address in its plain form, without the zone of a link; None where it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise NetworkError(
            f"expected a network such as 10.0.0.0/8, or an address, found {text!r}"
        ) from None
