"""OPA bundles: a policy in one ``.tar.gz``, with a manifest, and signed if you like.

https://www.openpolicyagent.org/docs/management-bundles: ``.manifest`` says which revision it is
and which paths of ``data`` are its own (roots); ``.signatures.json`` has a JSON Web Token with the
hash of every other file.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from helm_boundary.policy import data_file
from helm_boundary.policy.errors import PolicyError

from .bundle_signature import verify_files

MAX_PACKED = 32 * 1_048_576  # bytes
MAX_UNPACKED = 96 * 1_048_576
MAX_FILES = 2_000
MANIFEST = ".manifest"
SIGNATURES = ".signatures.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A bundle's own description; a folder has none, and may hold anything."""

    file: str = ""
    revision: str = ""
    roots: tuple[str, ...] = ("",)

    def uri(self, source: Path) -> str:
        """Return where the bundle is, with its revision."""
        return source.as_uri() + (f"#{quote(self.revision)}" if self.revision else "")

    def check(self, packages: Mapping[str, str], data: Mapping[str, Any]) -> None:
        """Refuse a package or data outside the roots: PolicyError."""
        for path, package in packages.items():
            if not self._owns(package.replace(".", "/")):
                raise PolicyError(f"{path}: package {package} is outside the bundle's roots")
        for at in _leaves(data):
            if not self._owns(at):
                raise PolicyError(f"{self.file}: data at {at} is outside the bundle's roots")

    def _owns(self, path: str) -> bool:
        return any(not root or (path + "/").startswith(root + "/") for root in self.roots)


def _leaves(value: Mapping[str, Any], at: str = "") -> list[str]:
    found: list[str] = []
    for key, item in value.items():
        path = f"{at}/{key}" if at else key
        inside = _leaves(item, path) if isinstance(item, Mapping) and item else [path]
        found += inside
    return found


def is_bundle(source: Path) -> bool:
    """Tell whether a path names a bundle rather than a folder."""
    return source.name.endswith((".tar.gz", ".tgz")) and not source.is_dir()


def read_bundle(path: Path, key: Path | None) -> tuple[Manifest, Mapping[str, bytes]]:
    """Read a bundle's manifest, and its files by name; PolicyError when it can't be used.

    With a ``key`` (a PEM public key, or a secret for HMAC) the signature must be good and cover
    every file. A bundle that is signed is not taken without a key.
    """
    files = _unpack(path)
    signatures = files.pop(SIGNATURES, None)
    if key is not None:
        verify_files(str(path), files, signatures, key)
    elif signatures is not None:
        raise PolicyError(f"{path}: is signed: give the key to check it with")
    return _manifest(path, files.pop(MANIFEST, b"{}")), files


def _unpack(path: Path) -> dict[str, bytes]:
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: can't be read: {error.strerror}") from None
    if len(packed) > MAX_PACKED:
        raise PolicyError(f"{path}: has {len(packed)} bytes, at most {MAX_PACKED} are taken")
    try:
        inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        unpacked = inflater.decompress(packed, MAX_UNPACKED)
        if inflater.unconsumed_tail:
            raise PolicyError(f"{path}: unpacks to more than {MAX_UNPACKED} bytes")
        if not inflater.eof or inflater.unused_data:
            raise PolicyError(f"{path}: is not one whole gzip file")
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
            return _members(path, archive)
    except (zlib.error, tarfile.TarError, EOFError, ValueError) as error:
        raise PolicyError(f"{path}: is not a .tar.gz: {error}") from None


def _members(path: Path, archive: tarfile.TarFile) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for member in archive:
        name = member.name.removeprefix("./").lstrip("/")
        if member.isdir():
            continue
        content = archive.extractfile(member) if member.isreg() else None
        if content is None or ".." in name.split("/") or "\\" in name or not name:
            raise PolicyError(f"{path}: has {member.name!r}, which is not a plain file inside it")
        if name in files or len(files) == MAX_FILES:
            raise PolicyError(f"{path}: has {name!r} twice, or more than {MAX_FILES} files")
        files[name] = content.read()
    return files


def _manifest(path: Path, text: bytes) -> Manifest:
    file = f"{path}/{MANIFEST}"
    value = data_file.parse_json(text, file)
    roots = value.get("roots", [""]) if isinstance(value, dict) else None
    if not isinstance(roots, list) or not all(isinstance(root, str) for root in roots):
        raise PolicyError(f"{file}: expected an object whose roots are a list of paths")
    plain = tuple(root.strip("/") for root in roots)
    return Manifest(file, str(value.get("revision", "")), plain)
