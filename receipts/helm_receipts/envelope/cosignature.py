"""Cosignatures of witnesses on a log's checkpoint: who has seen it, and when.

Source: https://c2sp.org/tlog-cosignature, its Ed25519 form. A witness cosigns only what continues
all that it has cosigned before, so two histories of a log can't both have its cosignature.
"""

from collections.abc import Iterator, Sequence

from .checkpoint import Checkpoint, parse_note
from .note_keys import NoteKey

_LENGTH = 4 + 8 + 64


class WitnessKey(NoteKey):
    """A witness's name and the key that it cosigns with."""

    __slots__ = ()
    ALGORITHM = b"\x04"
    WHOSE = "an Ed25519 witness"


def cosigned_message(checkpoint: Checkpoint, time: int) -> bytes:
    """Return the bytes that a witness signs; `time` is in seconds since 1970."""
    return f"cosignature/v1\ntime {time}\n".encode() + checkpoint.body


def cosignatures(note: bytes, witnesses: Sequence[WitnessKey]) -> Iterator[tuple[WitnessKey, int]]:
    """List the witnesses whose cosignature of a note verifies, each with its time in seconds.

    Lines by others are ignored. Whether the log signed the note is for the caller to know.
    """
    checkpoint, lines = parse_note(note)
    for witness in witnesses:
        for name, raw in lines:
            if (name, raw[:4]) == (witness.name, witness.id) and len(raw) == _LENGTH:
                time = int.from_bytes(raw[4:12], "big")
                if 0 < time < 2**63 and witness.key.verifies(
                    raw[12:], cosigned_message(checkpoint, time)
                ):
                    yield witness, time
                    break
