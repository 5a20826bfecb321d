"""Paths under which clouds serve calls: another provider's body, and the model in the path.

Known on any host by how the path ends, in any letter case; `catalogue_clouds.tsv` has them. A
model's name may be written with escapes, as an ARN is, and is compared without.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from helm_boundary.calls.call import Operation
from helm_boundary.calls.refusal import schema_violation

from .catalogue import read_table

BY_BODY = "by body"
"""The dialect of operations that carry now this provider's body, now that one's."""

_PARAMETER = re.compile(r"\{(\w+)(\+?)\}")
_MODEL = "model"


@dataclass(frozen=True, slots=True)
class CloudPath:
    """How one operation's path ends.

    `word` is its last one, looked for first so that a long path costs no more than its length;
    `begins` is what stands right before the model.
    """

    operation: Operation
    word: str
    ends: re.Pattern[str]
    begins: str


def find_cloud(method: str, path: str, *, has_body: bool) -> Operation | None:
    """Return the cloud's operation at the end of a path, None where there is none.

    With a body it is one whatever the method: some servers look at the path alone.
    """
    if method.upper() != "POST" and not has_body:
        return None
    found = _at_end(path)
    return found[0].operation if found else None


def cloud_model(path: str, operation: Operation) -> str | None:
    """Return the model that a cloud operation's path names, None where its body does.

    Raises:
        Refusal: the path can be read as naming more than one.
    """
    found = _at_end(path)
    if (
        found is None
        or found[0].operation.id != operation.id
        or _MODEL not in found[1].re.groupindex
    ):
        return None
    written = found[1][_MODEL]
    if found[0].begins in f"/{unquote(written).lower()}/":
        raise schema_violation("the path can be read as naming more than one model")
    return unquote(written)


def is_cloud_plain(path: str, loose: str) -> bool:
    """Tell whether a lenient server finds the same operation and model in a path as we do."""
    ours, theirs = _at_end(path), _at_end(loose)
    if ours is None or theirs is None or ours[0] is not theirs[0]:
        return False
    names = ours[1].groupdict(), theirs[1].groupdict()
    return unquote(names[0].get(_MODEL, "")).lower() == names[1].get(_MODEL, "")


def is_cloud(operation: Operation) -> bool:
    """Tell whether an operation, whatever dialect its body is in, is one of a cloud's."""
    return operation.id in _cloud_ids()


def _at_end(path: str) -> tuple[CloudPath, re.Match[str]] | None:
    lower = path.lower()
    for each in cloud_paths():
        if lower.endswith(each.word) and (found := each.ends.search(path)):
            return each, found
    return None


@cache
def cloud_paths() -> tuple[CloudPath, ...]:
    """Return every path of a cloud's that is known."""
    return tuple(map(_cloud_path, read_table("catalogue_clouds.tsv")))


@cache
def _cloud_ids() -> frozenset[str]:
    return frozenset(each.operation.id for each in cloud_paths())


def _cloud_path(operation: Operation) -> CloudPath:
    path = operation.path.lower()
    ends = re.compile(f"{_expression(operation.path)}$", re.IGNORECASE)
    word = path[path.rfind("}") + 1 :].rpartition("/")[2].lstrip(":")
    return CloudPath(operation, word, ends, path.partition("{model")[0].rpartition("}")[2])


def _expression(template: str) -> str:
    """Return a template as a regular expression; a colon may be escaped (RFC 3986 section 2.2)."""
    written, at = "", 0
    for found in _PARAMETER.finditer(template):
        written += _literal(template[at : found.start()])
        kind = ".+" if found[2] else "[^/]+?" if template[found.end() :][:1] == ":" else "[^/]+"
        written += f"(?P<model>{kind})" if found[1] == _MODEL else kind
        at = found.end()
    return written + _literal(template[at:])


def _literal(text: str) -> str:
    return re.escape(text).replace(":", "(?::|%3A)")
