"""CRC-32C (Castagnoli), as RFC 3720 appendix B.4 has it."""

from __future__ import annotations

_POLYNOMIAL = 0x82F63B78
"""Its polynomial, with the lowest bit first."""


def crc32c(data: bytes) -> int:
    """Return the checksum of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _entry(number: int) -> int:
    for _ in range(8):
        number = (number >> 1) ^ (_POLYNOMIAL if number & 1 else 0)
    return number


_TABLE = tuple(map(_entry, range(256)))
