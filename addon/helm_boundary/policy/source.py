"""A policy as it lies in folders: read whole, checked for what the engine gets wrong.

A folder is laid out as OPA reads it: ``*.rego`` at any depth, ``data.yaml`` or ``data.json``
whose path inside the folder is its path in ``data``, and, ours alone, ``detectors.yaml`` at
the top. ``*_test.rego`` is read by the tests only. Names starting with a dot are skipped.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_boundary.policy import data_file
from helm_boundary.policy.default_folder import default_policy_folder
from helm_boundary.policy.detector_file import merge_detectors
from helm_boundary.policy.errors import PolicyError

MAX_MODULE = 1_048_576  # bytes, the engine's own limit
MAX_DATA = 64 * 1_048_576
MAX_FILES = 2_000
DATA_FILES = frozenset({"data.yaml", "data.yml", "data.json"})
DETECTOR_FILE = "detectors.yaml"

PACKAGE = re.compile(
    r"package[ \t]+([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)[ \t]*(?:#.*)?"
)
RULE = re.compile(r"^(?!package\b|import\b|default\b|else\b)[A-Za-z_]", re.MULTILINE)
DECISION = re.compile(r"^(?:default[ \t]+)?decision\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that decides.

    ``uri`` says where it came from, ``digest`` (hex SHA-256) what it is: the same modules, data
    and detectors have the same digest wherever they lie. ``modules`` maps a file's path to its
    Rego text, ``detectors_text`` is JSON text (which is YAML). ``rules`` counts the rules.
    """

    uri: str
    digest: str
    modules: Mapping[str, str]
    data: Mapping[str, Any]
    detectors_text: bytes
    rules: int


@dataclass(frozen=True, slots=True)
class Part:
    """One folder as read: modules by path, each with its package and its name in the folder."""

    folder: Path
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


def read_policy(folders: Sequence[Path]) -> Policy:
    """Read the policy that the folders make over the default one.

    A folder that defines ``data.helm.decision`` starts afresh: nothing of what came before it
    but the detectors stays. Any other folder extends: its modules are added, its data merged
    key by key (its lists replace lists), its detectors added or replaced by name.

    Raises PolicyError, naming the file, for anything missing, empty, unreadable or ambiguous.
    """
    parts = [read_part(folder) for folder in (default_policy_folder(), *folders)]
    start = max(i for i, part in enumerate(parts) if i == 0 or part.decides)
    effective = parts[start:]
    for part in effective[1:]:
        _refuse_main(part)
    data: Mapping[str, Any] = {}
    for part in effective:
        data = merge(data, part.data)
    _refuse_overlap(data, {p: f for part in effective for f, p in part.packages.items()})
    detectors = merge_detectors([part.detectors for part in parts if part.detectors])
    modules = {path: text for part in effective for path, text in part.modules.items()}
    uri = " ".join(part.folder.as_uri() for part in parts[1:]) or "helm-boundary:default"
    return Policy(
        uri=uri,
        digest=_digest(effective, data, detectors),
        modules=modules,
        data=data,
        detectors_text=detectors,
        rules=sum(len(RULE.findall(text)) for text in modules.values()),
    )


def read_part(folder: Path, *, tests: bool = False) -> Part:
    """Read one folder; with ``tests``, only its ``*_test.rego`` modules."""
    folder = folder.expanduser().absolute()
    modules: dict[str, str] = {}
    packages: dict[str, str] = {}
    names: dict[str, str] = {}
    data: Mapping[str, Any] = {}
    detectors: tuple[bytes, str] | None = None
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".rego":
            if path.name.endswith("_test.rego") == tests:
                file = str(path)
                modules[file] = _module(path)
                packages[file] = package_of(modules[file], file)
                names[file] = name
        elif path.name in DATA_FILES:
            data = _merge_once(data, _rooted(path, folder), str(path))
        elif name == DETECTOR_FILE:
            detectors = (_read(path, MAX_MODULE), str(path))
        elif path.suffix in {".json", ".yaml", ".yml"} and not name.endswith(".schema.json"):
            raise PolicyError(
                f"{path}: OPA would read it as data, and we would not: call it data{path.suffix}, "
                f"{DETECTOR_FILE} (at the top) or *.schema.json, or put it elsewhere"
            )
    if not (modules or data or detectors or tests):
        raise PolicyError(
            f"{folder}: holds no policy: expected .rego files, data.yaml or detectors.yaml"
        )
    return Part(folder, modules, packages, names, data, detectors)


def package_of(text: str, file: str) -> str:
    """The package a module declares, dotted."""
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


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` merged into ``under``: objects key by key, everything else replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        raise PolicyError(f"{folder}: expected a folder with a policy, found {found}")
    try:
        files = sorted(_walk(folder))
    except OSError as error:
        raise PolicyError(f"{folder}: can't be read: {error.strerror}") from None
    if len(files) > MAX_FILES:
        raise PolicyError(f"{folder}: has {len(files)} files, at most {MAX_FILES} are taken")
    return files


def _walk(folder: Path) -> Iterable[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if entry.is_symlink():
                raise PolicyError(f"{entry}: is a link to a folder: put the folder itself here")
            yield from _walk(entry)
        else:
            yield entry


def _read(path: Path, most: int) -> bytes:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: can't be read: {error.strerror}") from None
    if len(text) > most:
        raise PolicyError(f"{path}: has {len(text)} bytes, at most {most} are taken: split it")
    return text


def _module(path: Path) -> str:
    text = _read(path, MAX_MODULE)
    if text.startswith(b"\xef\xbb\xbf"):
        raise PolicyError(f"{path}:1: starts with a byte order mark: save it as plain UTF-8")
    try:
        return text.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{path}:{line}: not UTF-8: save it as UTF-8") from None


def _rooted(path: Path, folder: Path) -> Mapping[str, Any]:
    value: Mapping[str, Any] = data_file.parse_object(_read(path, MAX_DATA), str(path))
    for name in reversed(path.parent.relative_to(folder).parts):
        value = {name: value}
    return value


def _merge_once(
    data: Mapping[str, Any], more: Mapping[str, Any], file: str, at: str = "data"
) -> dict[str, Any]:
    """Merge files of one folder, where no file may change what another says."""
    merged = dict(data)
    for key, value in more.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge_once(below, value, file, f"{at}.{key}")
        elif key in merged:
            raise PolicyError(f"{file}: {at}.{key} is also in another data file of this folder")
        else:
            merged[key] = value
    return merged


def _refuse_main(part: Part) -> None:
    for path, package in part.packages.items():
        if package.split(".")[0] == "helm" and not package.startswith("helm.rules."):
            raise PolicyError(
                f"{path}: package {package} belongs to the default policy: write rules in "
                "package helm.rules.<topic>, or define data.helm.decision to replace it whole"
            )


def _refuse_overlap(data: Mapping[str, Any], packages: Mapping[str, str]) -> None:
    """Data at or under a package's path would beat its rules without a word."""
    for package, file in packages.items():
        here: Any = data
        for name in package.split("."):
            if not isinstance(here, Mapping) or name not in here:
                break
            here = here[name]
        else:
            raise PolicyError(_overlap(package, file))
        if not isinstance(here, Mapping):
            raise PolicyError(_overlap(package, file))


def _overlap(package: str, file: str) -> str:
    return (
        f"data.{package}: is in a data file and is also package {package} of {file}: "
        "data would override its rules; put the data under another name"
    )


def _digest(parts: Sequence[Part], data: Mapping[str, Any], detectors: bytes) -> str:
    modules = sorted(
        (f"{number}/{part.names[path]}", hashlib.sha256(text.encode()).hexdigest())
        for number, part in enumerate(parts)
        for path, text in part.modules.items()
    )
    whole = {"modules": modules, "data": data, "detectors": detectors.decode()}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
