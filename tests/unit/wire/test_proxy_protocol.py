"""The PROXY protocol's header: the specification's own forms, and what isn't one."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.wire.crc32c import crc32c
from helm_boundary.wire.proxy_protocol import (
    SIGNATURE,
    V2_FIXED,
    V2_MOST,
    HeaderRefused,
    Source,
    length_v2,
    read_v1,
    read_v2,
)

V4 = bytes([192, 0, 2, 7, 10, 0, 0, 1]) + struct.pack("!HH", 51000, 8080)
V6 = ipaddress.ip_address("2001:db8::7").packed * 2 + struct.pack("!HH", 51000, 8080)
MAPPED = ipaddress.ip_address("::ffff:192.0.2.7").packed * 2 + struct.pack("!HH", 51000, 8080)
UNIX = b"/run/client.sock".ljust(108, b"\0") * 2
CLIENT = Source("192.0.2.7", 51000)


def v2(rest: bytes, *, command: int = 0x21, family: int = 0x11) -> tuple[bytes, bytes]:
    """Return a header's fixed part and what follows."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)), rest


def value(kind: int, data: bytes) -> bytes:
    """Return a value of type, length and bytes."""
    return struct.pack("!BH", kind, len(data)) + data


def checked(values: bytes = b"") -> tuple[bytes, bytes]:
    """Return a header with its true checksum."""
    fixed, rest = v2(V4 + values + value(0x03, bytes(4)))
    return fixed, rest[:-4] + crc32c(fixed + rest).to_bytes(4)


@pytest.mark.parametrize(
    ("line", "source"),
    [
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 51000 8080\r\n", CLIENT),
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
         Source("255.255.255.255", 65535)),
        (b"PROXY TCP6 2001:DB8::7 2001:db8::1 51000 8080\r\n", Source("2001:db8::7", 51000)),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 51000 8080\r\n", CLIENT),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
    ],
)  # fmt: skip
def test_version_1_is_read_as_its_text_says(line: bytes, source: Source | None) -> None:
    """The examples of section 2.1; an IPv4 address has one form."""
    assert read_v1(line) == source


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 192.0.2.7 10.0.0.1 51000 8080\n",
        b"PROXY TCP4  192.0.2.7 10.0.0.1 51000 8080\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 51000 8080 \r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 51000\r\n",
        b"PROXY TCP4 2001:db8::7 10.0.0.1 51000 8080\r\n",
        b"PROXY TCP6 192.0.2.7 ::1 51000 8080\r\n",
        b"PROXY TCP4 192.0.2.007 10.0.0.1 51000 8080\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 51000 8080\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 051000 8080\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 65536 8080\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 -1 8080\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 5_1 8080\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 ٥١ 8080\r\n".encode(),
        b"PROXY UDP4 192.0.2.7 10.0.0.1 51000 8080\r\n",
        b"PROXY tcp4 192.0.2.7 10.0.0.1 51000 8080\r\n",
        b"PROXY UNKNOWN" + b" " * 100 + b"\r\n",
        b"PROXY \r\n",
    ],
)
def test_version_1_is_refused_in_any_other_form(line: bytes) -> None:
    """Two readers must not find two clients in it."""
    with pytest.raises(HeaderRefused):
        read_v1(line)


@pytest.mark.parametrize(
    ("header", "source"),
    [
        (v2(V4), CLIENT),
        (v2(V6, family=0x21), Source("2001:db8::7", 51000)),
        (v2(MAPPED, family=0x21), CLIENT),
        (v2(UNIX, family=0x31), None),
        (v2(b"", family=0x00), None),
        (v2(b"anything", family=0x00), None),
        (v2(b"", command=0x20, family=0x00), None),
        (v2(V4, command=0x20), None),
        (v2(b"\xff" * 7, command=0x20, family=0xFF), None),
        (v2(V4 + value(0x02, b"api.example") + value(0x04, b"\0\0")), CLIENT),
        (v2(V4 + value(0xEA, b"\x01vpce-1")), CLIENT),
        (checked(), CLIENT),
        (checked(value(0x05, b"unique")), CLIENT),
    ],
)
def test_version_2_is_read_as_its_text_says(
    header: tuple[bytes, bytes], source: Source | None
) -> None:
    """LOCAL, and families without an IP address, leave the connection who it is."""
    assert length_v2(header[0]) == len(header[1])
    assert read_v2(*header) == source


@pytest.mark.parametrize(
    "header",
    [
        v2(V4, command=0x11),
        v2(V4, command=0x22),
        v2(V4, command=0x31),
        v2(V4, family=0x12),
        v2(V4, family=0x10),
        v2(V4, family=0x41),
        v2(V4[:-1]),
        v2(V4, family=0x21),
        v2(UNIX[:-1], family=0x31),
        v2(V4 + b"\x04\x00"),
        v2(V4 + b"\x04\x00\x05abc"),
        v2(V4 + value(0x03, b"\x01\x02\x03\x04")),
        v2(V4 + value(0x03, b"\x01\x02")),
        v2(V4 + value(0x03, bytes(4)) * 2),
    ],
)
def test_version_2_is_refused_where_it_is_cut_off_or_unknown(header: tuple[bytes, bytes]) -> None:
    """Also one with a checksum that isn't its own."""
    with pytest.raises(HeaderRefused):
        read_v2(*header)


def test_a_header_has_a_longest() -> None:
    """More than that is waited for from nobody."""
    assert length_v2(v2(bytes(V2_MOST))[0]) == V2_MOST
    with pytest.raises(HeaderRefused):
        length_v2(v2(bytes(V2_MOST + 1))[0])


def test_the_checksum_is_the_rfcs() -> None:
    """RFC 3720 appendix B.4."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"123456789") == 0xE3069283


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_name_a_client_or_be_refused(data: bytes) -> None:
    """A balancer that sends rubbish is refused; nothing else is raised."""
    fixed = (SIGNATURE + data)[:V2_FIXED].ljust(V2_FIXED, b"\0")
    for read in (lambda: read_v1(data), lambda: read_v1(b"PROXY " + data + b"\r\n"),
                 lambda: length_v2(fixed), lambda: read_v2(fixed, data)):  # fmt: skip
        try:
            found = read()
        except HeaderRefused:
            continue
        if isinstance(found, Source):
            ipaddress.ip_address(found.address)
            assert 0 <= found.port <= 65535


@given(st.ip_addresses(), st.ip_addresses(v=4), st.integers(0, 65535), st.binary(max_size=40))
def test_what_is_written_is_read_in_both_versions(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address,
    other: ipaddress.IPv4Address,
    port: int,
    more: bytes,
) -> None:
    """Whoever the client is."""
    same = ipaddress.ip_address(f"::{other}") if source.version == 6 else other
    line = f"PROXY TCP{source.version} {source} {same} {port} 8080\r\n".encode()
    packed = source.packed + same.packed + struct.pack("!HH", port, 8080) + value(0xE0, more)
    header = v2(packed, family=0x11 if source.version == 4 else 0x21)
    found = read_v1(line)
    assert found == read_v2(*header)
    mapped = source.ipv4_mapped if isinstance(source, ipaddress.IPv6Address) else None
    assert found == Source(str(mapped or source), port)
