"""DSSE envelopes with exactly one signature.

Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0.0.
An envelope is opened in three steps that never change places: decode, check the signature over
the PAE, and only then let anybody parse the payload.
"""

from dataclasses import dataclass

from helm_receipts.errors import EnvelopeError, SignatureRefused

from .public_keys import PublicKey
from .standard_base64 import decode

PAYLOAD_TYPE = "application/vnd.in-toto+json"

HEAD = b'{"payload":"'
MIDDLE = b'","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"'
SIG = b'","sig":"'
TAIL = b'"}]}'


@dataclass(frozen=True, slots=True)
class Envelope:
    """A decoded envelope. Its payload isn't to be believed before `check` has passed."""

    payload: bytes
    payload_type: str
    keyid: str
    signature: bytes

    @property
    def pae(self) -> bytes:
        """The bytes that the signature is over."""
        return pae(self.payload_type, self.payload)

    def check(self, key: PublicKey) -> bytes:
        """Return the payload, if `key` signed it; else `SignatureRefused`. `keyid` is ignored."""
        if not key.verifies(self.signature, self.pae):
            raise SignatureRefused(
                f"expected a signature by key {key.keyid[:16]}…, found one that it didn't make; "
                "the payload was changed or another key signed it"
            )
        return self.payload


def pae(payload_type: str, body: bytes) -> bytes:
    """Encode a payload for signing (DSSE's pre-authentication encoding)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def parse_line(line: bytes) -> Envelope:
    """Decode a journal line, which must be what `signatures.line_of` writes, to the byte.

    Stricter than DSSE: one spelling for each envelope, so a line can't be reworded and its hash,
    which the next line holds, can't be made to fit another.
    """
    middle = line.find(MIDDLE)
    signed = line.find(SIG, middle + len(MIDDLE))
    if not (line.startswith(HEAD) and line.endswith(TAIL) and 0 < middle < signed):
        raise EnvelopeError(
            "expected an envelope in canonical JSON with one signature, found "
            f"{len(line)} bytes that start {line[:40]!r}"
        )
    return Envelope(
        decode(line[len(HEAD) : middle], "a payload", EnvelopeError),
        PAYLOAD_TYPE,
        line[middle + len(MIDDLE) : signed].decode("ascii", "replace"),
        decode(line[signed + len(SIG) : -len(TAIL)], "a signature", EnvelopeError),
    )
