"""DSSE envelopes with exactly one Ed25519 signature.

Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0.0.
An envelope is opened in three steps that never change places: decode, check the signature over
the PAE, and only then let anybody parse the payload.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from helm_receipts.errors import EnvelopeError, SignatureRefused

from .public_keys import PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"

_HEAD = b'{"payload":"'
_MIDDLE = b'","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"'
_SIG = b'","sig":"'
_TAIL = b'"}]}'
_URL_SAFE = str.maketrans("-_", "+/")


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


def parse_envelope(text: bytes) -> Envelope:
    """Decode an envelope as another tool may have written it: any JSON, either base64 alphabet."""
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"expected an envelope in JSON, found {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("signatures"), list):
        raise EnvelopeError('expected an object with "payload", "payloadType" and "signatures"')
    if len(value["signatures"]) != 1:
        raise EnvelopeError(
            f"a receipt has exactly one signature, found {len(value['signatures'])}; "
            "check the others with a tool that knows their keys"
        )
    signature = value["signatures"][0]
    if not isinstance(signature, dict):
        raise EnvelopeError(f"expected a signature object, found {type(signature).__name__}")
    return Envelope(
        _either(value, "payload"),
        _text(value, "payloadType"),
        str(signature.get("keyid") or ""),
        _either(signature, "sig"),
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


def _either(value: dict[str, Any], name: str) -> bytes:
    text = _text(value, name).translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeError(f'expected base64 in "{name}", found {error}') from error


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise EnvelopeError(f'expected a string in "{name}", found {type(text).__name__}')
    return text


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise EnvelopeError("expected each member once, found a member twice")
    return value
