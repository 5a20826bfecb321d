"""Topics that can't speak, given the data, and so are left out of what is evaluated.

A topic costs a few microseconds a call even when none of its rules applies. One that is all about
settings says in its METADATA which: ``custom.off_unless`` lists paths in data, and while each of
them is null or an empty object the topic has nothing to say. It is compiled and linted all the
same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .folder import package_of
from .metadata import read_metadata

# An empty list is a limit, the strictest there is; null and an empty table are none.
NO_LIMIT: tuple[object, ...] = (None, {})


def awake(modules: Mapping[str, str], data: Mapping[str, Any]) -> dict[str, str]:
    """Return the modules without those whose topic the data has switched off."""
    packages = {file: package_of(text, file) for file, text in modules.items()}
    return {
        file: text
        for file, text in modules.items()
        if not _is_off(text, file, data) or _is_needed(packages[file], file, modules)
    }


def _is_off(text: str, file: str, data: Mapping[str, Any]) -> bool:
    if "off_unless" not in text:
        return False
    for block in read_metadata(text, file).values():
        paths = block.custom.get("off_unless")
        if isinstance(paths, list) and paths:
            return all(_value(data, str(path)) in NO_LIMIT for path in paths)
    return False


def _is_needed(package: str, file: str, modules: Mapping[str, str]) -> bool:
    """Tell whether another module names the package, and so may want what is in it."""
    return any(package in text for other, text in modules.items() if other != file)


def _value(data: Mapping[str, Any], path: str) -> Any:
    here: Any = data
    for name in path.split("."):
        if not isinstance(here, Mapping) or name not in here:
            return None
        here = here[name]
    return here
