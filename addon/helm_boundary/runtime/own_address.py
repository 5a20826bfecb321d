"""Addresses that we listen on for people and programs of this machine."""

from __future__ import annotations

import ipaddress


class AddressError(ValueError):
    """Nothing can listen there; the message says why."""


def read_address(text: str) -> tuple[str, int]:
    """Read an IP address and a port, such as `127.0.0.1:8082` or `[::1]:0`; raises AddressError.

    `localhost` is 127.0.0.1.
    """
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host.lower() == "localhost" else host
    try:
        address = str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
        number = int(port) if port.isascii() and port.isdecimal() else -1
    except ValueError:
        address, number = "", -1
    if not address or not 0 <= number <= 65535:
        raise AddressError(f"expected an address such as 127.0.0.1:8082, found {text!r}")
    return address, number


def read_own_address(text: str) -> tuple[str, int]:
    """Read an address of this machine alone: what listens there speaks plain HTTP to people."""
    address, port = read_address(text)
    if not ipaddress.ip_address(address).is_loopback:
        raise AddressError(
            f"expected 127.0.0.1 or [::1], found {address}: it is for this machine alone, over "
            f"plain HTTP; reach it from elsewhere through SSH (ssh -L {port}:127.0.0.1:{port})"
        )
    return address, port
