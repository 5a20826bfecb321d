"""Which UUIDs ``uuid.parse`` of the engine reads as OPA does."""

from __future__ import annotations

import re

from .arguments import as_text

HEX = "[0-9a-fA-F]"
PLAIN = rf"{HEX}{{8}}-?{HEX}{{4}}-?{HEX}{{4}}-?{HEX}{{4}}-?{HEX}{{12}}"
UUID = re.compile(rf"(?:(?i:urn:uuid:))?{PLAIN}|\{{{PLAIN}\}}", re.ASCII)
BRACED = 38
"""The length at which OPA takes any two characters for braces."""
GREGORIAN = 0x01B21DD213814000  # 1 January 1970 in tenths of microseconds since 15 October 1582


def check_uuid(value: str) -> bool:
    """Return true where the engine reads a text as OPA does; ValueError else."""
    if UUID.fullmatch(as_text(value)) is None:
        if len(value) == BRACED:
            raise ValueError("expected a UUID in braces")
        return True
    digits = re.sub("[^0-9a-fA-F]", "", value[-38:].lower().removeprefix("d:"))[-32:]
    version, variant = int(digits[12], 16), int(digits[16], 16)
    if variant < 8 or version in {6, 7} or (version in {1, 2} and not _in_time(digits)):
        raise ValueError("expected a UUID of RFC 4122")
    return True


def _in_time(digits: str) -> bool:
    time = int(digits[13:16] + digits[8:12] + digits[:8], 16)
    return abs(time - GREGORIAN) * 100 < 2**63
