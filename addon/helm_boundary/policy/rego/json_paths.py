"""Paths of ``json.filter`` and ``json.remove``, as OPA reads them.

OPA reads a path in a text as RFC 6901 has it, with or without the first ``/``, where the engine
knows no ``~0`` and ``~1``; and a path that leads below another asks for no less than the other.
So the engine is given each as an array of steps. What isn't a path raises: DENY.
"""

from __future__ import annotations

import json

type Steps = list[object]


def read_paths(marshalled: str) -> list[Steps]:
    """Return each path of an array (or set) of paths, as JSON, as an array of steps."""
    paths = json.loads(marshalled)
    if not isinstance(paths, list):
        raise TypeError("expected an array or a set of paths")
    return [_steps(path) for path in paths]


def widest_paths(marshalled: str) -> list[Steps]:
    """Return the paths that don't lead below another of them."""
    paths = read_paths(marshalled)
    return [path for path in paths if not any(_is_below(path, other) for other in paths)]


def _steps(path: object) -> Steps:
    if isinstance(path, str) and path:
        return [_plain(step) for step in path.lstrip("/").split("/")]
    if isinstance(path, list) and path:
        return path
    raise TypeError("expected a path that isn't empty")


def _plain(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _is_below(path: Steps, other: Steps) -> bool:
    names, above = [str(step) for step in path], [str(step) for step in other]
    return len(names) > len(above) and names[: len(above)] == above
