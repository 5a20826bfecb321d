"""Built-ins of OPA that the embedded engine lacks, or has otherwise, as extensions of it.

``regex.*`` runs on RE2, which is what OPA runs: the engine's own has Unicode classes where OPA
has ASCII ones, and refuses patterns that are large when compiled. The rest is what policies
over HTTP calls ask for. An argument of the wrong type, or a pattern that isn't one, raises,
which ends the evaluation: DENY.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import re2

from .arguments import as_text

MAX_MEMORY = 64 * 1_048_576  # bytes for one compiled pattern
# Go's regexp.Expand: $1, $name, ${name}; $1x is the group called 1x, and $$ is a dollar sign.
TEMPLATE = re.compile(r"\$(?:(\w+)|\{(\w+)\}|(\$))", re.ASCII)
# One byte, whatever it is a part of: RE2 has it, Go doesn't.
BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")
QUOTED = re.compile(r"\\Q.*?(?:\\E|\Z)", re.DOTALL)


@lru_cache(maxsize=512)
def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    if BYTE.search(QUOTED.sub("", as_text(pattern))):
        raise re2.error("Go has no \\C")
    return re2.compile(pattern, options)


def regex_is_valid(pattern: object) -> bool:
    """Tell whether the pattern compiles; false for anything but a string."""
    try:
        return isinstance(pattern, str) and _compile(pattern) is not None
    except re2.error:
        return False


def regex_match(pattern: str, value: str) -> bool:
    """Tell whether the pattern matches somewhere in the value."""
    return _compile(pattern).search(as_text(value)) is not None


def regex_find_n(pattern: str, value: str, number: int) -> list[str]:
    """Return the first ``number`` matches; all when it is negative."""
    return [match.group() for match in _matches(pattern, value, number)]


def regex_find_all_string_submatch_n(pattern: str, value: str, number: int) -> list[list[str]]:
    """Return the first ``number`` matches with their groups; an unused group is empty."""
    return [
        [match.group(), *(group or "" for group in match.groups())]
        for match in _matches(pattern, value, number)
    ]


def regex_split(pattern: str, value: str) -> list[str]:
    """Split the value at the matches, as Go's ``Split`` does."""
    pieces: list[str] = []
    start = end = 0
    for match in _matches(pattern, value, -1):
        end = match.start()
        if match.end() != 0:
            pieces.append(value[start:end])
        start = match.end()
    if end != len(value):
        pieces.append(value[start:])
    return pieces or ([""] if pattern and not value else pieces)


def regex_replace(value: str, pattern: str, template: str) -> str:
    """Replace every match in the value by the template, in which $1 is a group."""
    compiled = _compile(pattern)
    pieces: list[str] = []
    position = 0
    for match in _matches(pattern, value, -1):
        pieces += (value[position : match.start()], _expand(template, match, compiled))
        position = match.end()
    return "".join([*pieces, value[position:]])


def _matches(pattern: str, value: str, number: int) -> Iterator[Any]:
    """Yield matches as Go's FindAll does: no empty match right behind another match."""
    previous, count = -1, 0
    for match in _compile(pattern).finditer(as_text(value)):
        if count == number:
            return
        if match.start() == match.end() == previous:
            continue
        previous, count = match.end(), count + 1
        yield match


def _expand(template: str, match: Any, compiled: Any) -> str:
    def group(found: re.Match[str]) -> str:
        if found[3]:
            return "$"
        name = found[1] or found[2]
        if name.isdigit():
            return (match.group(int(name)) or "") if int(name) <= compiled.groups else ""
        return (match.group(name) or "") if name in compiled.groupindex else ""

    return TEMPLATE.sub(group, as_text(template))


def _digest(name: str) -> Callable[[str], str]:
    return lambda value: hashlib.new(name, as_text(value).encode()).hexdigest()


def _hmac(name: str) -> Callable[[str, str], str]:
    return lambda value, key: hmac.new(
        as_text(key).encode(), as_text(value).encode(), name
    ).hexdigest()


def strings_count(value: str, part: str) -> int:
    """Count the part in the value, without overlaps.

    The engine's own counts overlaps.
    """
    return as_text(value).count(as_text(part))


def hmac_equal(first: str, second: str) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(as_text(first).encode(), as_text(second).encode())


def jwt_decode(token: str) -> list[Any]:
    """Return a JSON Web Token's header, payload and signature (hex), not verified (RFC 7519)."""
    parts = as_text(token).split(".")
    if len(parts) != 3:
        raise ValueError("not three parts")
    header, payload = (json.loads(_base64url(part)) for part in parts[:2])
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise ValueError("not objects")
    if "enc" in header:
        raise ValueError("encrypted")
    return [header, payload, _base64url(parts[2]).hex()]


def _base64url(text: str) -> bytes:
    return base64.b64decode(text.translate(_URL) + "=" * (-len(text) % 4), validate=True)


_URL = str.maketrans("-_", "+/")


# Name, number of arguments, function.
EXTENSIONS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "regex.is_valid": (1, regex_is_valid),
    "regex.match": (2, regex_match),
    "regex.find_n": (3, regex_find_n),
    "regex.find_all_string_submatch_n": (3, regex_find_all_string_submatch_n),
    "regex.split": (2, regex_split),
    "regex.replace": (3, regex_replace),
    "strings.count": (2, strings_count),
    "crypto.md5": (1, _digest("md5")),
    "crypto.sha1": (1, _digest("sha1")),
    "crypto.sha256": (1, _digest("sha256")),
    "crypto.hmac.md5": (2, _hmac("md5")),
    "crypto.hmac.sha1": (2, _hmac("sha1")),
    "crypto.hmac.sha256": (2, _hmac("sha256")),
    "crypto.hmac.sha512": (2, _hmac("sha512")),
    "crypto.hmac.equal": (2, hmac_equal),
    "io.jwt.decode": (1, jwt_decode),
}
