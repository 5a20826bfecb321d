"""The authority of a boundary elsewhere, as its clients see it."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from helm_boundary.runtime.health import Health

_PATIENCE = 10.0
_ASKED = "api.openai.com"
"""A name that every boundary speaks for; nothing is sent to it, since no request is made."""


class PeerUnknown(Exception):
    """A boundary can't be asked; the message says why."""


def peer_authority(peer: str, fleet: Sequence[Health]) -> str:
    """Return the digest of a peer's authority where it is one of the fleet's, else one of its own.

    Its certificate for a name is asked for through a tunnel; no request is made in it.

    Raises:
        PeerUnknown: nobody answers there, or not as a forward proxy.
    """
    try:
        certificate = _certificate(peer)
    except (OSError, ValueError) as error:
        raise PeerUnknown(f"{peer}: {error}") from None
    for health in fleet:
        with contextlib.suppress(OSError, ValueError, TypeError, InvalidSignature):
            authority = x509.load_pem_x509_certificate(Path(health.ca_file).read_bytes())
            certificate.verify_directly_issued_by(authority)
            return health.ca_digest
    return hashlib.sha256(certificate.issuer.public_bytes()).hexdigest()


def _certificate(peer: str) -> x509.Certificate:
    host, _, port = peer.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), _PATIENCE) as connection:
        connection.sendall(f"CONNECT {_ASKED}:443 HTTP/1.1\r\nHost: {_ASKED}:443\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) < 4096:
            part = connection.recv(1)
            if not part:
                break
            answer += part
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise ValueError("it isn't a forward proxy, or it refuses this machine")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(connection, server_hostname=_ASKED) as tls:
            return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
