"""Detector files of several folders, merged into one text.

``opa build`` makes data of every YAML file, so what was ``detectors.yaml`` may come as
``data.detectors``, with ``data.disable``, ``data.placeholders`` and ``data.published_keys`` beside
it. Or somebody wrote it there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from helm_boundary.policy import data_file
from helm_boundary.policy.errors import PolicyError

MEMBERS = ("detectors", "disable", "placeholders", "published_keys")
_KNOWN = f"{', '.join(map(repr, MEMBERS[:-1]))} and {MEMBERS[-1]!r}"


def take_detectors(data: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes | None]:
    """Take the detectors out of data; return what stays, and them as a detector file's text."""
    if "detectors" not in data:
        return data, None
    rest = {name: value for name, value in data.items() if name not in MEMBERS}
    beside = {name: data[name] for name in MEMBERS if name in data}
    found = data["detectors"]
    if isinstance(found, Mapping):
        del beside["detectors"]
        found = {**found, **beside}
    else:
        found = beside
    return rest, json.dumps(found, ensure_ascii=False, allow_nan=False).encode()


def merge_detectors(files: Sequence[tuple[bytes, str]]) -> bytes:
    """Merge detector files, each ``(content, file name)``, into one (as JSON text).

    A detector of a later file replaces the one of the same name; ``disable: [names]`` takes
    out what earlier files brought. Placeholders and published keys are those of all files.
    """
    merged: dict[str, Any] = {}
    published: dict[str, list[Any]] = {"placeholders": [], "published_keys": []}
    for content, file in files:
        value = data_file.parse_object(content, file)
        for name in map(str, _list(value.get("disable", []), file)):
            if name not in merged:
                raise PolicyError(f"{file}: disables {name!r}, which no earlier file has")
            del merged[name]
        mine: set[str] = set()
        for detector in _list(value.get("detectors", []), file):
            name = str(detector.get("name", "")) if isinstance(detector, dict) else ""
            if not name or name in mine:
                raise PolicyError(f"{file}: each detector needs a name of its own, found {name!r}")
            mine.add(name)
            merged[name] = detector
        for name, known in published.items():
            known += _list(value.get(name, []), file)
        unknown = sorted(set(value) - set(MEMBERS))
        if unknown:
            raise PolicyError(f"{file}: expected {_KNOWN}, found {unknown[0]!r}")
    whole = {**published, "detectors": list(merged.values())}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False).encode()


def _list(value: Any, file: str) -> list[Any]:
    if not isinstance(value, list):
        raise PolicyError(f"{file}: {_KNOWN} must be lists")
    return value
