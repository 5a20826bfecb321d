"""Detector files of several folders, merged into one text.

``opa build`` makes data of every YAML file, so what was ``detectors.yaml`` may come as
``data.detectors``, with ``data.disable`` and ``data.placeholders`` beside it. Or somebody wrote it
there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from helm_boundary.policy import data_file
from helm_boundary.policy.errors import PolicyError

MEMBERS = ("detectors", "disable", "placeholders")


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
    out what earlier files brought. Placeholders are those of all files.
    """
    merged: dict[str, Any] = {}
    placeholders: list[Any] = []
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
        placeholders += _list(value.get("placeholders", []), file)
        unknown = sorted(set(value) - set(MEMBERS))
        if unknown:
            raise PolicyError(
                f"{file}: expected 'detectors', 'placeholders' and 'disable', found {unknown[0]!r}"
            )
    whole = {"placeholders": placeholders, "detectors": list(merged.values())}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False).encode()


def _list(value: Any, file: str) -> list[Any]:
    if not isinstance(value, list):
        raise PolicyError(f"{file}: 'detectors', 'placeholders' and 'disable' must be lists")
    return value
