"""The signature of an OPA bundle: a JSON Web Token over the hashes of its files.

https://www.openpolicyagent.org/docs/management-bundles#signing. Which algorithms may be used
follows from the key, never from the token: a public key is no secret for HMAC.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from helm_boundary.policy import data_file
from helm_boundary.policy.errors import PolicyError

DIGESTS = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"ES256": ("secp256r1", 32), "ES384": ("secp384r1", 48), "ES512": ("secp521r1", 66)}
# Hashed by what they say rather than by their bytes.
STRUCTURED = frozenset({".manifest", "data.json", "data.yaml"})
MAX_SIGNATURES = 4 * 1_048_576  # bytes; some hundred for each file


@dataclass(frozen=True, slots=True)
class Signed:
    """A file as the signature states it: its hash in hex, and by which algorithm."""

    digest: str
    algorithm: str


def read_signature(bundle: str, signatures: bytes, key: Path) -> Mapping[str, Signed]:
    """Return what a bundle's signature says of each file; PolicyError unless it is the key's."""
    stated = _verified_payload(bundle, signatures, key)
    try:
        return {
            str(entry["name"]): Signed(str(entry.get("hash")), str(entry.get("algorithm")))
            for entry in stated.get("files", [])
        }
    except (TypeError, KeyError, AttributeError):
        raise PolicyError(f"{bundle}: its signature lists no files with names") from None


def check_file(bundle: str, name: str, content: bytes, signed: Signed) -> None:
    """Raise PolicyError unless a file is the one that was signed."""
    if signed.algorithm not in DIGESTS:
        raise PolicyError(f"{bundle}: {name} is hashed with {signed.algorithm}, expected SHA-256")
    try:
        hashed = _hashed(name, content)
    except (ValueError, RecursionError):
        raise PolicyError(f"{bundle}: {name} is not the file that was signed") from None
    if hashlib.new(DIGESTS[signed.algorithm], hashed).hexdigest() != signed.digest:
        raise PolicyError(f"{bundle}: {name} is not the file that was signed")


def _verified_payload(bundle: str, signatures: bytes, key: Path) -> Mapping[str, Any]:
    if len(signatures) > MAX_SIGNATURES:
        raise PolicyError(f"{bundle}/.signatures.json: has over {MAX_SIGNATURES} bytes")
    value = data_file.parse_json(signatures, f"{bundle}/.signatures.json")
    tokens = value.get("signatures") if isinstance(value, dict) else None
    if not isinstance(tokens, list) or len(tokens) != 1 or not isinstance(tokens[0], str):
        raise PolicyError(f"{bundle}/.signatures.json: expected exactly one signature")
    try:
        signed, _, signature = tokens[0].rpartition(".")
        header, payload = (json.loads(_base64url(part)) for part in signed.split("."))
        good = _verify(key, str(header["alg"]), signed.encode(), _base64url(signature))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PolicyError(f"{bundle}/.signatures.json: is not a JSON Web Token") from None
    if not good or not isinstance(payload, dict):
        raise PolicyError(f"{bundle}: it isn't signed with the key in {key}")
    return payload


def _verify(key: Path, algorithm: str, signed: bytes, signature: bytes) -> bool:
    try:
        text = key.read_bytes()
    except OSError as error:
        raise PolicyError(f"{key}: can't be read: {error.strerror}") from None
    if b"-----BEGIN" not in text:
        return _verify_secret(text.strip(), algorithm, signed, signature)
    try:
        public = load_pem_public_key(text)
    except ValueError:
        raise PolicyError(f"{key}: expected a PEM public key") from None
    try:
        if isinstance(public, rsa.RSAPublicKey):
            return _verify_rsa(public, algorithm, signed, signature)
        if isinstance(public, ec.EllipticCurvePublicKey):
            return _verify_ec(public, algorithm, signed, signature)
    except InvalidSignature:
        return False
    raise PolicyError(f"{key}: expected an RSA or an elliptic-curve key")


def _verify_secret(secret: bytes, algorithm: str, signed: bytes, signature: bytes) -> bool:
    if algorithm not in ("HS256", "HS384", "HS512") or not secret:
        return False
    digest = hmac.digest(secret, signed, f"sha{algorithm[2:]}")
    return hmac.compare_digest(digest, signature)


def _verify_rsa(public: rsa.RSAPublicKey, algorithm: str, signed: bytes, signature: bytes) -> bool:
    digest = HASHES.get(algorithm[2:])
    if digest is None or algorithm[:2] not in ("RS", "PS"):
        return False
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm.startswith("PS"):
        scheme = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)
    public.verify(signature, signed, scheme, digest)
    return True


def _verify_ec(
    public: ec.EllipticCurvePublicKey, algorithm: str, signed: bytes, signature: bytes
) -> bool:
    curve, size = CURVES.get(algorithm, ("", 0))
    if public.curve.name != curve or len(signature) != 2 * size:
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
    public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(HASHES[algorithm[2:]]))
    return True


def _base64url(text: str) -> bytes:
    return base64.b64decode(text.translate(_URL) + "=" * (-len(text) % 4), validate=True)


_URL = str.maketrans("-_", "+/")


class _Number(str):
    """A number as it was written, which is how it was hashed."""

    __slots__ = ()


def _hashed(name: str, content: bytes) -> bytes:
    base = name.rsplit("/", 1)[-1]
    if base not in STRUCTURED:
        return content
    if base == "data.yaml":
        return _canonical(data_file.parse_yaml(content, name)).encode()
    value = json.loads(content, parse_float=_Number, parse_int=_Number)
    return _canonical(value).encode()


def _canonical(value: Any) -> str:
    """Write JSON as OPA hashes it: keys sorted, no white space, nothing escaped needlessly."""
    if isinstance(value, dict):
        members = (f"{_canonical(key)}:{_canonical(value[key])}" for key in sorted(value))
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_canonical, value))}]"
    if isinstance(value, _Number):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")  # as Go writes them
