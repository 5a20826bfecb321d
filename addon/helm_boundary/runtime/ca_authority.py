"""Whether the authority that clients trust is in nobody else's hands, and what mitmproxy is told.

mitmproxy's folder holds the key with which it speaks for every host, and its configuration, which
can name scripts to run. Both may be links, as mounted secrets are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from helm_receipts.storage.ownership import (
    READ,
    WRITE,
    Fault,
    Keepers,
    access_list,
    fault_of,
    faults_on_the_way,
    keepers,
)

CA_FILE = "mitmproxy-ca-cert.pem"
_SECRET = ("mitmproxy-ca.pem", "mitmproxy-ca.p12")
_BELIEVED = (CA_FILE, "config.yaml", "config.yml")


class AuthorityRefused(Exception):
    """Others could have, or become, the authority; the message says how and what to do."""


def default_ca_file() -> Path:
    """Return where mitmproxy writes the authority's certificate, unless it is told otherwise."""
    return Path.home() / ".mitmproxy" / CA_FILE


def refuse_foreign_authority(confdir: Path) -> None:
    """`AuthorityRefused` names the first thing in mitmproxy's folder that isn't ours alone."""
    fault = next(authority_faults(confdir, keepers()), None)
    if fault is not None:
        raise AuthorityRefused(str(fault))


def authority_faults(confdir: Path, by: Keepers) -> Iterator[Fault]:
    """All that is wrong with mitmproxy's folder, the outermost first. None that isn't there is."""
    seen: set[Path] = set()
    for name in (*_SECRET, *_BELIEVED):
        path = confdir / name
        for fault in faults_on_the_way(path, by):
            if fault.path not in seen:
                yield fault
            seen.add(fault.path)
        yield from _faults(path, by, READ | WRITE if name in _SECRET else WRITE)


def _faults(path: Path, by: Keepers, to: int) -> Iterator[Fault]:
    try:
        status = path.stat()
    except OSError:  # mitmproxy makes it, or says why it can't be read
        return
    fault = fault_of(path.resolve(), status, access_list(path), by, to)
    if fault is not None:
        yield fault


def ca_digest(confdir: Path) -> str:
    """Return the SHA-256 of the authority's certificate, in hex; empty where it can't be read."""
    try:
        certificate = x509.load_pem_x509_certificate((confdir / CA_FILE).read_bytes())
    except (OSError, ValueError):
        return ""
    return certificate.fingerprint(hashes.SHA256()).hex()
