"""Standard base64 with its padding (RFC 4648, section 4), in the one spelling of some bytes."""

import binascii

from helm_receipts.errors import ReceiptError


def decode(text: bytes, what: str, refusal: type[ReceiptError]) -> bytes:
    """Decode a text, which must be how these bytes are written; else `refusal` says what it is."""
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise refusal(f"expected {what} in padded standard base64, found {error}") from error
    # Strict decoding leaves one freedom: the bits of the last character that no byte needs.
    if raw and binascii.b2a_base64(raw[-(len(raw) % 3 or 3) :], newline=False) != text[-4:]:
        raise refusal(f"expected {what} in canonical base64, found stray bits in the last letter")
    return raw


def decode_hash(text: str, what: str, refusal: type[ReceiptError]) -> bytes:
    """Decode a hash of 32 bytes."""
    raw = decode(text.encode(), what, refusal)
    if len(raw) != 32:
        raise refusal(f"expected {what} of 32 bytes, found {text[:60]!r}")
    return raw
