"""What a line of a journal proves by itself, before it is held against any other.

This part needs no memory of other lines, so `check_ahead` can do it on all cores. What the other
processes find is only used when they accept: a line that one of them refuses is checked again
here, so that there is one place that says what is wrong.
"""

import gc
import hashlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from helm_receipts import dsse
from helm_receipts.entry import log_entry
from helm_receipts.errors import Broken, CanonicalError, EnvelopeError
from helm_receipts.keys import PublicKey, public_key
from helm_receipts.reader import Line, parse_statement

_NOWHERE = Path()
_CHUNK_LINES = 256
_CHUNKS_AHEAD = 8


@dataclass(frozen=True, slots=True)
class CheckedLine:
    """A line that is a receipt signed by the key it names. Whose turn it was isn't known here."""

    keyid: str
    digest: str
    """SHA-256 of the line in hex: what the next receipt calls `previous`."""
    entry: bytes
    """What the log must hold for this receipt."""
    predicate: dict[str, Any]


# A checked line between processes: tuples travel faster than objects.
_Travelling = tuple[str, str, bytes, dict[str, Any]] | None


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
        raise Broken(
            "foreign-key", line, f"signed by {envelope.keyid[:16]}…, which no rotation brought in"
        )
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
    """Lines with what they prove by themselves, in order; None for one that is refused."""
    for line in lines:
        try:
            yield line, check_line(line, keys)
        except Broken:
            yield line, None


def check_ahead(
    lines: Iterator[Line], keys: Mapping[str, PublicKey], pool: Executor
) -> Iterator[tuple[Line, CheckedLine | None]]:
    """`check_each`, done by other processes while this one goes on."""
    raw_keys = [key.raw for key in keys.values()]
    ahead: deque[tuple[list[Line], Future[list[_Travelling]]]] = deque()
    while True:
        while len(ahead) < _CHUNKS_AHEAD and (chunk := list(islice(lines, _CHUNK_LINES))):
            raw = [line.raw for line in chunk]
            ahead.append((chunk, pool.submit(_check_chunk, raw, raw_keys)))
        if not ahead:
            return
        chunk, checked = ahead.popleft()
        for line, found in zip(chunk, checked.result(), strict=True):
            yield line, CheckedLine(*found) if found else None


def _check_chunk(raw_lines: list[bytes], raw_keys: list[bytes]) -> list[_Travelling]:
    """In another process: check lines by themselves."""
    gc.disable()  # nothing here has cycles, and looking for some costs a tenth
    keys = {key.keyid: key for key in map(public_key, raw_keys)}
    return [_checked_or_none(raw, keys) for raw in raw_lines]


def _checked_or_none(raw: bytes, keys: Mapping[str, PublicKey]) -> _Travelling:
    try:
        checked = check_line(Line(_NOWHERE, 0, raw), keys)
        return checked.keyid, checked.digest, checked.entry, _needed(checked.predicate)
    except (Broken, KeyError, TypeError, AttributeError):
        return None


def _needed(predicate: dict[str, Any]) -> dict[str, Any]:
    """What the rules about other lines look at; the rest needn't travel."""
    needed = {name: predicate[name] for name in ("phase", "sequence", "decidedAt")}
    if "flow" in predicate:
        needed["flow"] = {"id": predicate["flow"]["id"]}
    if "event" in predicate:
        needed["event"] = predicate["event"]
    return needed
