"""One folder or bundle of a policy, read whole.

A folder is laid out as OPA reads it: ``*.rego`` at any depth, ``data.yaml`` or ``data.json``
whose path inside the folder is its path in ``data``, and, ours alone, ``detectors.yaml`` at
the top (or ``data.detectors``, which is the same). ``*_test.rego`` is read by the tests only.
Names starting with a dot are skipped.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from helm_boundary.policy import data_file
from helm_boundary.policy.detectors.detector_file import take_detectors
from helm_boundary.policy.errors import PolicyError

from . import profiles
from .bundle import Manifest, is_bundle, read_bundle
from .default_folder import PROFILES, default_policy_folder
from .merging import merge_apart

MAX_MODULE = 1_048_576  # bytes, the engine's own limit
MAX_DATA = 64 * 1_048_576
MAX_FILES = 2_000
DATA_FILES = frozenset({"data.yaml", "data.yml", "data.json"})
DETECTOR_FILE = "detectors.yaml"

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
PACKAGE = re.compile(rf"package[ \t]+({NAME}(?:\.{NAME})*)[ \t]*(?:#.*)?")
DECISION = re.compile(r"^(?:default[ \t]+)?decision\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """A folder or bundle: modules by path, each with its package and its name inside."""

    uri: str
    modules: Mapping[str, str]
    packages: Mapping[str, str]
    names: Mapping[str, str]
    data: Mapping[str, Any]
    detectors: tuple[bytes, str] | None

    @property
    def decides(self) -> bool:
        """Whether it defines data.helm.decision, and so is a policy by itself."""
        return any(
            package.startswith("helm.decision")
            or (package == "helm" and DECISION.search(self.modules[path]))
            for path, package in self.packages.items()
        )


@dataclass(frozen=True, slots=True)
class File:
    """One file: its name inside the part, the path that messages name, its bytes."""

    name: str
    path: str
    content: bytes


def read_part(source: Path, *, tests: bool = False, key: Path | None = None) -> Part:
    """Read a folder, or a bundle (``.tar.gz``); with ``tests``, only its ``*_test.rego``.

    With a ``key`` the source must be a bundle that is signed with it. Raises PolicyError.
    """
    source = source.expanduser().absolute()
    profile = profiles.name_of(source)
    if is_bundle(source):
        manifest, contents = read_bundle(source, key)
        files = [File(name, f"{source}/{name}", content) for name, content in contents.items()]
        uri = manifest.uri(source)
    elif key is not None and profile is None:
        raise PolicyError(f"{source}: is not a signed bundle, which the key given asks for")
    else:
        uri = f"helm-boundary:{profile}" if profile else source.as_uri()
        manifest, files = Manifest(), list(_read_folder(source))
    part = _part(uri, files, tests)
    if not (part.modules or part.data or part.detectors or tests):
        raise PolicyError(
            f"{source}: holds no policy: expected .rego files, data.yaml or detectors.yaml"
        )
    manifest.check(part.packages, part.data)
    return _with_detectors(part, str(source))


def _with_detectors(part: Part, source: str) -> Part:
    """Read ``data.detectors`` as what ``detectors.yaml`` is."""
    data, found = take_detectors(part.data)
    if found is None:
        return part
    if part.detectors is not None:
        raise PolicyError(
            f"{part.detectors[1]}: there is data.detectors as well: put all detectors in one place"
        )
    return replace(part, data=data, detectors=(found, f"{source}: data.detectors"))


def _part(uri: str, files: Iterable[File], tests: bool) -> Part:
    modules: dict[str, str] = {}
    packages: dict[str, str] = {}
    names: dict[str, str] = {}
    data: Mapping[str, Any] = {}
    detectors: tuple[bytes, str] | None = None
    for file in files:
        base = file.name.rsplit("/", 1)[-1]
        if base.endswith(".rego"):
            if base.endswith("_test.rego") == tests:
                modules[file.path] = _module(file)
                packages[file.path] = package_of(modules[file.path], file.path)
                names[file.path] = file.name
        elif base in DATA_FILES:
            data = merge_apart(data, _rooted(file), file.path)
        elif file.name == DETECTOR_FILE:
            detectors = (file.content, file.path)
        elif base.endswith((".json", ".yaml", ".yml")) and not base.endswith(".schema.json"):
            raise PolicyError(
                f"{file.path}: OPA would read it as data, and we would not: call it data.yaml, "
                f"{DETECTOR_FILE} (at the top) or *.schema.json, or put it elsewhere"
            )
    return Part(uri, modules, packages, names, data, detectors)


def package_of(text: str, file: str) -> str:
    """Return the package that a module declares, dotted."""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = PACKAGE.fullmatch(stripped)
        if not found:
            raise PolicyError(
                f"{file}:{number}: expected 'package' and a dotted name, found {stripped[:60]!r}"
            )
        return found[1]
    raise PolicyError(f"{file}:1: is empty: expected 'package' and rules")


def _read_folder(folder: Path) -> Iterable[File]:
    if not folder.is_dir():
        found = "a file that is no bundle (.tar.gz)" if folder.exists() else "nothing there"
        raise PolicyError(f"{folder}: expected a folder with a policy, found {found}")
    try:
        paths = sorted(_walk(folder))
    except OSError as error:
        raise PolicyError(f"{folder}: can't be read: {error.strerror}") from None
    if len(paths) > MAX_FILES:
        raise PolicyError(f"{folder}: has {len(paths)} files, at most {MAX_FILES} are taken")
    for path in paths:
        if path.suffix in {".rego", ".json", ".yaml", ".yml"}:
            yield File(path.relative_to(folder).as_posix(), str(path), _read(path))


def _walk(folder: Path) -> Iterable[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry == default_policy_folder() / PROFILES:
            continue
        if entry.is_dir():
            if entry.is_symlink():
                raise PolicyError(f"{entry}: is a link to a folder: put the folder itself here")
            yield from _walk(entry)
        else:
            yield entry


def _read(path: Path) -> bytes:
    most = MAX_DATA if path.name in DATA_FILES else MAX_MODULE
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PolicyError(f"{path}: is not a plain file")
        if status.st_size > most:
            size = f"has {status.st_size} bytes, at most {most} are taken"
            raise PolicyError(f"{path}: {size}: split it")
        return path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: can't be read: {error.strerror}") from None


def _module(file: File) -> str:
    if file.content.startswith(b"\xef\xbb\xbf"):
        raise PolicyError(f"{file.path}:1: starts with a byte order mark: save it as plain UTF-8")
    try:
        return file.content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{file.path}:{line}: not UTF-8: save it as UTF-8") from None


def _rooted(file: File) -> Mapping[str, Any]:
    value: Mapping[str, Any] = data_file.parse_object(file.content, file.path)
    for name in reversed(file.name.split("/")[:-1]):
        value = {name: value}
    return value
