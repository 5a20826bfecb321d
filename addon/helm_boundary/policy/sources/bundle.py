"""OPA bundles: a policy in one ``.tar.gz``, with a manifest, and signed if you like.

https://www.openpolicyagent.org/docs/management-bundles: ``.manifest`` says which revision it is
and which paths of ``data`` are its own (roots); ``.signatures.json`` has a JSON Web Token with the
hash of every other file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from helm_boundary.policy import data_file
from helm_boundary.policy.errors import PolicyError

from .bundle_archive import BundleArchive, open_archive
from .bundle_signature import check_file, read_signature

MANIFEST = ".manifest"
SIGNATURES = ".signatures.json"
COMPILED = {"policy.wasm": "wasm", "plan.json": "plan"}


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
    with open_archive(path) as archive:
        _refuse_compiled(path, archive.names)
        files = _verified(path, archive, key) if key else _unsigned(path, archive)
    return _manifest(path, files.pop(MANIFEST, b"{}")), files


def _refuse_compiled(path: Path, names: frozenset[str]) -> None:
    """Refuse a bundle for another machine than ours, in which the rules are compiled away."""
    found = next((name for name in COMPILED if name in {each.lstrip("/") for each in names}), None)
    if found is not None:
        raise PolicyError(
            f"{path}: is a {COMPILED[found]} bundle (it has {found}), expected one of Rego: build "
            f"it without -t {COMPILED[found]}"
        )


def _verified(path: Path, archive: BundleArchive, key: Path) -> dict[str, bytes]:
    """Read each file that the signature names; nothing else is read before that is verified."""
    if SIGNATURES not in archive.names:
        raise PolicyError(f"{path}: is not signed, which the key given asks for")
    signed = read_signature(str(path), archive.read(SIGNATURES), key)
    missing = sorted((archive.names - {SIGNATURES}) ^ signed.keys())
    if missing:
        raise PolicyError(f"{path}: {missing[0]} is not both in it and in its signature")
    files = {}
    for name in signed:
        files[name] = archive.read(name)
        check_file(str(path), name, files[name], signed[name])
    return files


def _unsigned(path: Path, archive: BundleArchive) -> dict[str, bytes]:
    if SIGNATURES in archive.names:
        raise PolicyError(
            f"{path}: is signed: name the key to check it with (--key FILE, or helm_policy_key)"
        )
    return {name: archive.read(name) for name in archive.names}


def _manifest(path: Path, text: bytes) -> Manifest:
    file = f"{path}/{MANIFEST}"
    value = data_file.parse_json(text, file)
    roots = value.get("roots", [""]) if isinstance(value, dict) else None
    if not isinstance(roots, list) or not all(isinstance(root, str) for root in roots):
        raise PolicyError(f"{file}: expected an object whose roots are a list of paths")
    plain = tuple(root.strip("/") for root in roots)
    return Manifest(file, str(value.get("revision", "")), plain)
