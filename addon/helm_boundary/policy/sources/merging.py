"""Data of several files and folders, made one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helm_boundary.policy.errors import PolicyError


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge ``over`` into ``under``: objects key by key, everything else replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def merge_apart(
    data: Mapping[str, Any], more: Mapping[str, Any], file: str, at: str = "data"
) -> dict[str, Any]:
    """Merge files of one folder, where none may change what another says: PolicyError."""
    merged = dict(data)
    for key, value in more.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge_apart(below, value, file, f"{at}.{key}")
        elif key in merged:
            raise PolicyError(f"{file}: {at}.{key} is also in another data file of this folder")
        else:
            merged[key] = value
    return merged


def refuse_overlap(data: Mapping[str, Any], packages: Mapping[str, str]) -> None:
    """Refuse data at or under a package's path, which would silently beat its rules.

    ``packages`` maps each package to a file that declares it.
    """
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
