"""The log's entry for a receipt: hashes and a signature, no content, so it never needs erasing.

The form is a Rekor v2 `hashedrekord` entry, version 0.0.2, in RFC 8785. It is Rekor-shaped so that
Sigstore's verifiers read it; nothing here is ever sent to a public log.
"""

import hashlib
from binascii import b2a_base64
from functools import cache

from .dsse import Envelope
from .public_keys import PublicKey

_ENTRY = (
    '{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":'
    '{"algorithm":"SHA2_256","digest":"%s"},"signature":{"content":"%s","verifier":'
    '{"keyDetails":"%s","publicKey":{"rawBytes":"%s"}}}}}}'
)

KEY_DETAILS = {"ed25519": "PKIX_ED25519", "p256": "PKIX_ECDSA_P256_SHA_256"}
"""What Sigstore calls the types of keys."""


def log_entry(envelope: Envelope, key: PublicKey) -> bytes:
    """Return the log's entry for an envelope that `key` signed."""
    digest = hashlib.sha256(envelope.pae).digest()
    return (_ENTRY % (_base64(digest), _base64(envelope.signature), *_verifier(key))).encode()


@cache
def _verifier(key: PublicKey) -> tuple[str, str]:
    return KEY_DETAILS[key.type], _base64(key.der())


def _base64(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).decode()
