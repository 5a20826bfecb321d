"""A receipt as it is read: its statement and its id. Nothing here verifies, and nothing signs.

What a statement looks like when it is written is in `predicate`.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Self

from helm_receipts.errors import CanonicalError

from . import canonical

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:helm-boundary:decision:v1"

_VALUES = {
    "verdict": re.compile("ALLOW|DENY|ESCALATE"),
    "enforcement": re.compile("enforced|observed"),
    "decidedAt": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z"),
}


@dataclass(frozen=True, slots=True)
class Record:
    """A receipt as it was read. Nothing in it has been verified."""

    id: str
    envelope: bytes
    statement: dict[str, Any]

    @classmethod
    def of(cls, envelope: bytes, statement: dict[str, Any]) -> Self:
        """Name a receipt by its sequence; KeyError, TypeError or ValueError if it has none."""
        sequence = statement["predicate"]["sequence"]
        return cls(receipt_id(sequence["writer"], sequence["number"]), envelope, statement)

    @property
    def digest(self) -> str:
        """SHA-256 of the envelope, in hex: what the next receipt calls `previous`."""
        return hashlib.sha256(self.envelope).hexdigest()

    @property
    def predicate(self) -> dict[str, Any]:
        """The predicate of the statement."""
        return self.statement["predicate"]  # type: ignore[no-any-return]


def receipt_id(writer: str, number: int) -> str:
    """Return the id of a writer's receipt of this number."""
    return f"{writer}-{number:06d}"


def parse_statement(payload: bytes) -> dict[str, Any]:
    """Parse a payload whose signature was checked; `CanonicalError` for one that isn't ours.

    It must be canonical, so that no two readers see different values in it.
    """
    value = canonical.decode(payload)
    if not isinstance(value, dict) or (
        value.get("_type") != STATEMENT_TYPE
        or value.get("predicateType") != PREDICATE_TYPE
        or not isinstance(said := value.get("predicate"), dict)
    ):
        raise CanonicalError(f"expected a statement with the predicate {PREDICATE_TYPE}")
    # Whoever looks for DENY must find each, and times are compared as they are written.
    for name, pattern in _VALUES.items():
        if name in said and not pattern.fullmatch(str(said[name])):
            found = f"found {str(said[name])[:40]!r}"
            raise CanonicalError(f"expected {pattern.pattern} in {name}, {found}")
    return value
