"""CA files for clients: the system's roots with the boundary's own authority added."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.utils import CryptographyDeprecationWarning
from OpenSSL.crypto import X509

from .environment import JAVA_STORE_PASSWORD, TRUST_FILES, Trust

FOLDER = "clients"

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_PEM = re.compile(_BEGIN + rb"([A-Za-z0-9+/=\s]+)" + _END)
_LARGEST = 8 << 20
"""Bytes of a file that may be one of certificates; what is larger is none."""
_PHP = 'curl.cainfo = "{0}"\nopenssl.cafile = "{0}"\n'

_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, the BSDs
)


class BundleError(Exception):
    """A bundle that can't be made; the message says what is missing and what to do."""


def system_roots(environment: Mapping[str, str]) -> Path:
    """Return the file of roots that programs here trust.

    That is what SSL_CERT_FILE names, else OpenSSL's own file, the system's, or certifi's.

    Raises:
        BundleError: SSL_CERT_FILE names no file.
    """
    named = environment.get("SSL_CERT_FILE")
    if named:
        if not Path(named).is_file():
            raise BundleError(f"SSL_CERT_FILE names {named}, which is no file; unset or mend it")
        return Path(named)
    for candidate in (ssl.get_default_verify_paths().openssl_cafile, *_SYSTEM_BUNDLES):
        if Path(candidate).is_file():
            return Path(candidate)
    import certifi

    return Path(certifi.where())


def upstream_roots(environment: Mapping[str, str], state: Path) -> Path:
    """Return a file of roots that servers are verified by: the system's, and those of variables.

    A company's authority may stand in one variable alone, such as NODE_EXTRA_CA_CERTS.

    Raises:
        BundleError: SSL_CERT_FILE names no file.
    """
    roots = system_roots(environment)
    system = roots.read_bytes()
    found = dict.fromkeys(pems(system))
    more = [pem for _, pem in named_roots(environment) if pem not in found]
    if not more:
        return roots
    folder = state / FOLDER
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    merged = folder / "upstream-roots.pem"
    _replace(merged, b"\n".join([system, *dict.fromkeys(more), b""]))
    return merged


def named_roots(environment: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield each certificate in a file or folder that a variable names, with that variable."""
    for name in (*TRUST_FILES, "SSL_CERT_DIR"):
        for place in filter(None, environment.get(name, "").split(os.pathsep)):
            for file in _files(Path(place)):
                with contextlib.suppress(OSError):
                    if file.is_file() and file.stat().st_size < _LARGEST:
                        yield from ((name, pem) for pem in pems(file.read_bytes()))


def _files(place: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(place.iterdir()) if place.is_dir() else [place]
    return []


def pems(bundle: bytes) -> Iterator[bytes]:
    """Yield each certificate of a bundle as PEM with lines of one length."""
    for found in _PEM.finditer(bundle):
        coded = b"".join(found[1].split())
        lines = [coded[at : at + 64] for at in range(0, len(coded), 64)]
        yield b"\n".join([_BEGIN, *lines, _END])


def make_trust(ca_file: Path, roots: Path, state: Path) -> Trust:
    """Write `<state>/clients/`: bundles, a folder as OpenSSL hashes it, a store for Java, settings.

    Files are replaced whole, so that programs that run meanwhile never read half of one.

    Raises:
        BundleError: the boundary's authority or the roots can't be read.
    """
    try:
        own, system = ca_file.read_bytes(), roots.read_bytes()
        authority = x509.load_pem_x509_certificate(own)
    except (OSError, ValueError) as error:
        raise BundleError(f"expected certificates in {ca_file} and {roots}: {error}") from None
    folder = state / FOLDER
    trust = Trust(
        folder / "ca-bundle.pem",
        folder / "certs",
        folder / "java-truststore.p12",
        folder / "php",
        folder / "wgetrc",
    )
    for made in (
        folder,
        trust.folder,
        trust.php_settings,
    ):  # whatever the umask: they are nobody else's to change
        made.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Inside another `exec` the system's roots are a bundle of ours already.
    system = system.replace(own.rstrip() + b"\n", b"", 1)
    _replace(trust.bundle, own.rstrip() + b"\n" + system)
    # `openssl rehash`: eight hex digits of the subject's hash, a dot, a number.
    hashed = X509.from_cryptography(authority).subject_name_hash()
    _replace(trust.folder / f"{hashed:08x}.0", own)
    _replace(trust.java_store, _java_store(authority, system))
    _replace(trust.php_settings / "helm-boundary.ini", _PHP.format(trust.bundle).encode())
    _replace(trust.wget_settings, _wget_settings(trust.bundle))
    return trust


def _wget_settings(bundle: Path) -> bytes:
    """Return the system's settings for wget with our authority: SYSTEM_WGETRC replaces them."""
    held = b""
    with contextlib.suppress(OSError):
        held = Path("/etc/wgetrc").read_bytes().rstrip() + b"\n"
    return held + f"ca_certificate = {bundle}\n".encode()


def _java_store(authority: x509.Certificate, system: bytes) -> bytes:
    named = [
        pkcs12.PKCS12Certificate(certificate, f"root-{index}".encode())
        for index, certificate in enumerate([authority, *certificates(system)])
    ]
    password = BestAvailableEncryption(JAVA_STORE_PASSWORD.encode())
    return pkcs12.serialize_java_truststore(named, password)


def certificates(bundle: bytes) -> list[x509.Certificate]:
    """Return every certificate of a bundle that can be parsed.

    Some old roots don't follow the standard to the letter; they are left out.
    """
    end = b"-----END CERTIFICATE-----"
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for part in bundle.split(end)[:-1]:
            start = part.find(b"-----BEGIN CERTIFICATE-----")
            with contextlib.suppress(ValueError):
                found.append(x509.load_pem_x509_certificate(part[start:] + end))
    return found


def _replace(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).chmod(0o644)
    Path(name).replace(path)
