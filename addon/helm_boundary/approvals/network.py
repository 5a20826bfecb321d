"""The network that a client calls from, by which its questions to a person are counted."""

from __future__ import annotations

import ipaddress

_OF_ONE_CLIENT = 64
"""Bits of an IPv6 address that a client can't change: it is given all addresses below them."""


def network_of(address: str) -> str:
    """Return the part of a client's IP address that is its own for sure; text that is none as is.

    An IPv4 address is one by itself, also where IPv6 carries it (RFC 4291 section 2.5.5.2).
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _OF_ONE_CLIENT), strict=False))
