"""A line of a journal checked by itself, before it is held against any other.

This part needs no memory of other lines, so `ahead` can have it done on all cores.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from helm_receipts.envelope import dsse
from helm_receipts.envelope.entry import log_entry
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import parse_statement
from helm_receipts.errors import Broken, CanonicalError, EnvelopeError
from helm_receipts.journal.reader import Line

type Check = Callable[
    [Iterator[Line], Mapping[str, PublicKey]], Iterator[tuple[Line, CheckedLine | None]]
]
"""What checks lines by themselves, in order: `check_each`, or the processes of `ahead`."""


@dataclass(frozen=True, slots=True)
class CheckedLine:
    """A line that is a receipt signed by the key it names. Whose turn it was isn't known here."""

    keyid: str
    digest: str
    """SHA-256 of the line in hex: what the next receipt calls `previous`."""
    entry: bytes
    """What the log must hold for this receipt."""
    predicate: dict[str, Any]


def check_line(line: Line, keys: Mapping[str, PublicKey]) -> CheckedLine:
    """Check a line by itself; `Broken` says what is wrong with it.

    A keyid is the hash of its key, so it doesn't matter where `keys` come from: whether the key
    may sign here is decided by whoever knows its history.
    """
    # 1. The line is one envelope, in the only spelling there is.
    try:
        envelope = dsse.parse_line(line.raw)
    except EnvelopeError as error:
        raise Broken("malformed", line, str(error)) from error
    # 2. It is signed by the key it names.
    key = keys.get(envelope.keyid)
    if key is None:
        found = f"signed by {envelope.keyid[:16]}…, which no rotation brought in"
        raise Broken("foreign-key", line, found)
    try:
        payload = envelope.check(key)
    except EnvelopeError as error:
        raise Broken("edited", line, str(error)) from error
    # 3. The payload is a statement of ours.
    try:
        predicate = parse_statement(payload)["predicate"]
    except CanonicalError as error:
        raise Broken("malformed", line, str(error)) from error
    digest = hashlib.sha256(line.raw).hexdigest()
    return CheckedLine(envelope.keyid, digest, log_entry(envelope, key), predicate)


def check_each(
    lines: Iterator[Line], keys: Mapping[str, PublicKey]
) -> Iterator[tuple[Line, CheckedLine | None]]:
    """Check lines by themselves, in order; None goes with one that is refused."""
    for line in lines:
        try:
            yield line, check_line(line, keys)
        except Broken:
            yield line, None
