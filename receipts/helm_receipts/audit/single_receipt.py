"""Verification of one receipt by itself, as anybody may have kept it."""

from helm_receipts.envelope import dsse
from helm_receipts.envelope.foreign_envelope import parse_envelope
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import Record, parse_statement
from helm_receipts.errors import EnvelopeError, ReceiptError


def verify_receipt(envelope: bytes, key: PublicKey) -> Record:
    """Verify the receipt in an envelope and return it; `ReceiptError` unless `key` signed it.

    What this proves: the key's holder stated exactly this. Not that it is in a log, that others
    came before it, or that nothing was left out.
    """
    # 1. Decode. Nothing in the envelope is believed yet, its keyid least of all.
    parsed = parse_envelope(envelope)
    # 2. The type decides how the payload will be read, so an unknown one is refused.
    if parsed.payload_type != dsse.PAYLOAD_TYPE:
        raise EnvelopeError(f"expected {dsse.PAYLOAD_TYPE}, found {parsed.payload_type!r}")
    # 3. The signature, over exactly the bytes that are parsed next.
    payload = parsed.check(key)
    # 4. The statement, in the one form it can have.
    statement = parse_statement(payload)
    try:
        return Record.of(envelope, statement)
    except (KeyError, TypeError, ValueError) as error:
        raise ReceiptError(f"expected a sequence in the receipt, found none: {error}") from error
