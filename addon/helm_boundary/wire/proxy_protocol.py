"""The PROXY protocol's header, versions 1 and 2, with which a balancer says who its client is.

HAProxy's "The PROXY protocol", sections 2.1 and 2.2. A header is read to its last byte and not
beyond; whatever isn't written as that text says raises.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .crc32c import crc32c

FIRST = 12
"""So many bytes tell whether a header begins, and of which version; none is shorter."""

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V1 = b"PROXY "
V1_MOST = 107
"""The longest header of version 1, with its CRLF."""
V2_FIXED = 16
V2_MOST = 4096
"""The longest that may follow the fixed part of version 2: addresses, a checksum, certificates."""

_PORT = re.compile(r"0|[1-9]\d{0,4}", re.ASCII)
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_ADDRESSES = {_TCP4: 12, _TCP6: 36, _UNIX: 216}
"""How long the addresses of each family are."""
_KNOWN = {_UNSPECIFIED, _TCP4, _TCP6, _UNIX}
_CHECKSUM = 0x03


class HeaderRefused(ValueError):
    """A header isn't what the protocol says; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who a balancer's client is: its IP address and port."""

    address: str
    port: int


def read_v1(line: bytes) -> Source | None:
    """Read a line with its CRLF; None where it names nobody, and the connection is who it is.

    Raises:
        HeaderRefused: anything but the one way in which it may be written.
    """
    if not line.endswith(b"\r\n") or len(line) > V1_MOST or not line.isascii():
        raise HeaderRefused("a version 1 header is one line of at most 107 characters")
    words = line[:-2].decode().split(" ")
    if words[:2] == ["PROXY", "UNKNOWN"]:
        return None
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise HeaderRefused("expected PROXY TCP4|TCP6 with two addresses and two ports, or UNKNOWN")
    family = ipaddress.IPv4Address if words[1] == "TCP4" else ipaddress.IPv6Address
    source, _ = (_address(family, word) for word in words[2:4])
    port, _ = map(_port, words[4:6])
    return Source(source, port)


def length_v2(fixed: bytes) -> int:
    """Return how many bytes follow the fixed part of version 2; raises HeaderRefused."""
    _, _, _, length = struct.unpack("!12sBBH", fixed)
    if length > V2_MOST:
        raise HeaderRefused(f"a version 2 header of {length} bytes; at most {V2_MOST} are read")
    return int(length)


def read_v2(fixed: bytes, rest: bytes) -> Source | None:
    """Read the fixed part and what follows; None where the connection itself is who it is.

    That is so of LOCAL (the balancer's own health checks), of a family that isn't told, and of
    clients that reached the balancer by a Unix socket: they are on its machine.

    Raises:
        HeaderRefused: a version, command or family that isn't known, or a part that is cut off.
    """
    _, command, family, _ = struct.unpack("!12sBBH", fixed)
    if command not in (_LOCAL, _PROXY):
        raise HeaderRefused(f"version and command {command:#04x}; known are 0x20 and 0x21")
    if command == _LOCAL:  # its addresses are to be skipped, whatever they are
        return None
    if family not in _KNOWN:
        raise HeaderRefused(f"address family {family:#04x}; TCP and Unix streams are known")
    if family == _UNSPECIFIED:
        return None
    addresses, values = rest[: _ADDRESSES[family]], rest[_ADDRESSES[family] :]
    if len(addresses) < _ADDRESSES[family]:
        raise HeaderRefused(f"{len(addresses)} bytes of addresses; {_ADDRESSES[family]} expected")
    _check(fixed, addresses, values)
    return _source(family, addresses)


def _source(family: int, addresses: bytes) -> Source | None:
    if family == _TCP4:
        source, _, port, _ = struct.unpack("!4s4sHH", addresses)
    elif family == _TCP6:
        source, _, port, _ = struct.unpack("!16s16sHH", addresses)
    else:
        return None
    return Source(_plain(ipaddress.ip_address(source)), port)


def _check(fixed: bytes, addresses: bytes, values: bytes) -> None:
    """Check that the values end where the header does, and a checksum where there is one."""
    checksums = [(at, value) for kind, at, value in _values(values) if kind == _CHECKSUM]
    if not checksums:
        return
    if len(checksums) > 1 or len(checksums[0][1]) != 4:
        raise HeaderRefused("a checksum that isn't one of four bytes")
    [(at, told)] = checksums
    cleared = values[:at] + bytes(4) + values[at + 4 :]
    if crc32c(fixed + addresses + cleared) != int.from_bytes(told):
        raise HeaderRefused("a checksum that isn't the header's")


def _values(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield type, place and bytes of each value."""
    at = 0
    while at < len(data):
        if at + 3 > len(data):
            raise HeaderRefused("a value that is cut off")
        kind, length = struct.unpack_from("!BH", data, at)
        at += 3
        if at + length > len(data):
            raise HeaderRefused("a value that is longer than the header")
        yield kind, at, data[at : at + length]
        at += length


def _address(family: type[ipaddress.IPv4Address | ipaddress.IPv6Address], word: str) -> str:
    try:
        if "%" in word:
            raise ValueError
        return _plain(family(word))
    except ValueError:
        raise HeaderRefused("an address that isn't of the family that it names") from None


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _port(word: str) -> int:
    if not _PORT.fullmatch(word) or int(word) > 65535:
        raise HeaderRefused("a port that isn't a number from 0 to 65535")
    return int(word)
