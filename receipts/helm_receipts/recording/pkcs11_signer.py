"""Keys on a token: the command behind `helm_signer=pkcs11:…`, through PKCS#11.

It runs as a process of its own, since a token's module is foreign code that may hang or crash. What
it is asked, and what it answers, `outside_signer` says. The token is named by a URI (RFC 7512):

    pkcs11:token=NAME?module-path=/usr/lib/…/libmodule.so&pin-source=/path/of/a/file
    pkcs11:token=NAME;object=LABEL?module-path=…&pin-source=…

Without `object` each role has the key that is labelled with its name, `receipt` or `log`.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pkcs11
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from helm_receipts.errors import KeyRefused
from helm_receipts.storage.secret_file import read_secret

SCHEME = "pkcs11:"
_PATH = {"token", "serial", "object", "id"}
_QUERY = {"module-path", "pin-source"}


@dataclass(frozen=True, slots=True)
class TokenUri:
    """What a URI says: which token and key, by attributes, and how to come to it, by a query."""

    path: Mapping[str, str]
    query: Mapping[str, str]


def parse_uri(text: str) -> TokenUri:
    """Parse a URI of PKCS#11; `KeyRefused` for attributes that would be passed over in silence."""
    path, _, query = text.removeprefix(SCHEME).partition("?")
    found = TokenUri(_attributes(path, ";", _PATH), _attributes(query, "&", _QUERY))
    if not text.startswith(SCHEME) or not {"token", "serial"} & {*found.path}:
        raise KeyRefused(f"expected pkcs11:token=NAME and so on, found {text[:80]!r}")
    if missing := _QUERY - {*found.query}:
        raise KeyRefused(f"expected ?{'=…&'.join(sorted(missing))}=… in {text[:80]!r}")
    return found


def _attributes(text: str, separator: str, known: set[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in text.split(separator) if each]
    for name, _, _ in pairs:
        if name not in known:
            raise KeyRefused(f"expected {', '.join(sorted(known))}, found {name[:40]!r} in the URI")
    return {name: unquote(value) for name, _, value in pairs}


class Token:
    """An open session with a token, and the keys in it that were asked for."""

    def __init__(self, uri: TokenUri) -> None:
        self._wanted = uri.path
        library = pkcs11.lib(uri.query["module-path"])
        token = library.get_token(
            token_label=uri.path.get("token"),
            token_serial=uri.path["serial"].encode() if "serial" in uri.path else None,
        )
        source = uri.query["pin-source"].removeprefix("file:").removeprefix("//")
        self._session = token.open(user_pin=read_secret(Path(source)).decode().strip())

    def public(self, role: str) -> bytes:
        """Return a role's public key: 32 bytes of Ed25519, or 65 of P-256."""
        point = bytes(self._find(role, ObjectClass.PUBLIC_KEY)[Attribute.EC_POINT])
        # An OCTET STRING around it, as the standard has it, or the point itself, as some do.
        return point if len(point) in (32, 65) else point[2:]

    def sign(self, role: str, message: bytes) -> bytes:
        """Sign with a role's private key: 64 bytes of Ed25519, or DER of ECDSA."""
        key = self._find(role, ObjectClass.PRIVATE_KEY)
        if key.key_type == KeyType.EC_EDWARDS:
            return bytes(key.sign(message, mechanism=Mechanism.EDDSA))
        digest = hashlib.sha256(message).digest()
        raw = bytes(key.sign(digest, mechanism=Mechanism.ECDSA))
        return encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))

    def _find(self, role: str, kind: ObjectClass) -> Any:
        identity = self._wanted.get("id")
        return self._session.get_key(
            object_class=kind,
            label=self._wanted.get("object") or (None if identity else role),
            id=identity.encode("latin-1") if identity else None,
        )


def answer(token: Token, question: dict[str, str]) -> dict[str, str]:
    """Answer one question: for a public key, or for a signature."""
    role = question["role"]
    if "message" not in question:
        return {"public": token.public(role).hex()}
    signature = token.sign(role, base64.b64decode(question["message"]))
    return {"signature": base64.b64encode(signature).decode()}


def main(uri: str) -> None:
    """Answer questions until there are no more; what goes wrong ends it, with a line that says."""
    try:
        token = Token(parse_uri(uri))
        for line in sys.stdin:
            print(json.dumps(answer(token, json.loads(line))), flush=True)
    except (pkcs11.PKCS11Error, KeyRefused, OSError, LookupError, ValueError) as error:
        sys.exit(f"helm_signer: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
