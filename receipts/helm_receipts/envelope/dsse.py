"""DSSE envelopes with exactly one Ed25519 signature.

Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0.0.
An envelope is opened in three steps that never change places: decode, check the signature over
the PAE, and only then let anybody parse the payload.
"""

import binascii
from dataclasses import dataclass

from helm_receipts.errors import EnvelopeError, SignatureRefused

from .public_keys import PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"

_HEAD = b'{"payload":"'
_MIDDLE = b'","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"'
_SIG = b'","sig":"'
_TAIL = b'"}]}'


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


def line_of(payload: bytes, keyid: str, signature: bytes) -> bytes:
    """Write an envelope around an in-toto statement, in canonical JSON."""
    return b"".join(
        (
            _HEAD,
            binascii.b2a_base64(payload, newline=False),
            _MIDDLE,
            keyid.encode(),
            _SIG,
            binascii.b2a_base64(signature, newline=False),
            _TAIL,
        )
    )


def parse_line(line: bytes) -> Envelope:
    """Decode a journal line, which must be what `line_of` writes, to the byte.

    Stricter than DSSE: one spelling for each envelope, so a line can't be reworded and its hash,
    which the next line holds, can't be made to fit another.
    """
    middle = line.find(_MIDDLE)
    signed = line.find(_SIG, middle + len(_MIDDLE))
    if not (line.startswith(_HEAD) and line.endswith(_TAIL) and 0 < middle < signed):
        raise EnvelopeError(
            "expected an envelope in canonical JSON with one signature, found "
            f"{len(line)} bytes that start {line[:40]!r}"
        )
    return Envelope(
        _standard(line[len(_HEAD) : middle]),
        PAYLOAD_TYPE,
        line[middle + len(_MIDDLE) : signed].decode("ascii", "replace"),
        _standard(line[signed + len(_SIG) : -len(_TAIL)]),
    )


def _standard(text: bytes) -> bytes:
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise EnvelopeError(f"expected padded standard base64, found {error}") from error
    # Strict decoding leaves one freedom: the bits of the last character that no byte needs.
    if raw and binascii.b2a_base64(raw[-(len(raw) % 3 or 3) :], newline=False) != text[-4:]:
        raise EnvelopeError("expected canonical base64, found stray bits in the last character")
    return raw
