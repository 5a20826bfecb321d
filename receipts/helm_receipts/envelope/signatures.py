"""Signatures by our keys: on statements, in envelopes, and on checkpoints, in notes."""

import base64
import binascii

from . import dsse
from .checkpoint import Checkpoint
from .note_keys import LogKey
from .signing_keys import SigningKey


def seal(payload: bytes, key: SigningKey) -> bytes:
    """Put an in-toto statement into an envelope that a receipt key signs."""
    signature = key.sign_as("receipt", dsse.pae(dsse.PAYLOAD_TYPE, payload))
    return line_of(payload, key.keyid, signature)


def line_of(payload: bytes, keyid: str, signature: bytes) -> bytes:
    """Write an envelope around an in-toto statement, in canonical JSON."""
    return b"".join(
        (
            dsse.HEAD,
            binascii.b2a_base64(payload, newline=False),
            dsse.MIDDLE,
            keyid.encode(),
            dsse.SIG,
            binascii.b2a_base64(signature, newline=False),
            dsse.TAIL,
        )
    )


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """Put a checkpoint into a note that a log key signs."""
    signature = key.sign_as("log", checkpoint.body)
    log = LogKey(checkpoint.origin, key.public)
    encoded = base64.b64encode(log.id + signature).decode()
    return checkpoint.body + f"\n\u2014 {log.name} {encoded}\n".encode()


def sign_by_both(checkpoint: Checkpoint, old: SigningKey, new: SigningKey) -> bytes:
    """Sign the checkpoint with which an old log key goes, with both keys."""
    second = sign_checkpoint(checkpoint, new).rpartition(b"\n\n")[2]
    return sign_checkpoint(checkpoint, old) + second
