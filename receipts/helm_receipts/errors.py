"""Errors: what can go wrong with receipts, by name.

Every message says what was expected, what was found and what to do about it.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class ReceiptError(Exception):
    """The root of everything this package raises on purpose."""


class CanonicalError(ReceiptError):
    """A value has no canonical form in the profile, or a text isn't in canonical form."""


class EnvelopeError(ReceiptError):
    """Bytes that should be a DSSE envelope with one signature are not."""


class SignatureRefused(EnvelopeError):
    """A well-formed envelope whose signature isn't by the key that was named."""


class KeyRefused(ReceiptError):
    """A key file is missing, unsafe, malformed or of another role."""


class StateRefused(KeyRefused):
    """A state folder that isn't its user's alone, or that somebody else could put another for."""


class PinRefused(KeyRefused):
    """Keys can't be pinned, or what was pinned can't be relied upon."""


class JournalError(ReceiptError):
    """A journal folder is damaged: the message names the first bad thing."""


class RecorderError(ReceiptError):
    """A receipt could not be made durable, so nothing may take effect on it."""


class StatementError(RecorderError):
    """A draft can't be made into a statement, so there is no receipt of it."""


class LogError(ReceiptError):
    """The log can't be written or extended without contradicting what it said before."""


class ProofRefused(ReceiptError):
    """A Merkle proof, a checkpoint or a tile doesn't show what it should."""


class TileMissing(ProofRefused):
    """A tile that a log of this size must have isn't there."""


class Broken(ReceiptError):
    """A folder contradicts itself or its keys.

    `kind` is a word a program can go by ("edited", "dropped", "forked", ...), `place` says where.
    """

    def __init__(self, kind: str, place: object, found: str) -> None:
        super().__init__(f"{place}: {kind}: {found}")
        self.kind = kind
        self.place = str(place)
        self.found = found


@contextmanager
def naming(kind: str, place: object, *errors: type[Exception]) -> Iterator[None]:
    """Turn errors of these types into `Broken`, of this kind and place."""
    try:
        yield
    except errors as error:
        raise Broken(kind, place, str(error)) from error
