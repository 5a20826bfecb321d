"""Which JSON schemas the engine reads as OPA does, for ``json.match_schema``.

OPA has draft 7 and earlier, asserts ``format`` and takes ``$ref`` alone; the engine has 2020-12
and asserts no format. A pattern must be one that RE2 has, and no class that Unicode widens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

KEYWORDS: Mapping[str, str] = {
    "format": "the engine asserts no format: use pattern, or enum",
    "dependentRequired": "OPA has none: use dependencies",
    "dependentSchemas": "OPA has none: use dependencies",
    "unevaluatedProperties": "OPA has none: use additionalProperties",
    "unevaluatedItems": "OPA has none: use items",
    "prefixItems": "OPA has none: use items",
    "minContains": "OPA has none: use contains",
    "maxContains": "OPA has none: use contains",
    "$dynamicRef": "OPA has none: use $ref",
    "$recursiveRef": "OPA has none: use $ref",
}
# Where other schemas stand below a name, in an array, or alone.
NAMED = ("properties", "patternProperties", "definitions", "$defs", "dependencies")
LISTED = ("allOf", "anyOf", "oneOf")
ALONE = (
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
)
BESIDE_REF = frozenset({"$ref", "$defs", "definitions", "$comment", "title", "description"})
# Looking around, \c and Unicode's \s are ECMAScript's: RE2 has none of them, or another.
PATTERN = re.compile(r"\(\?[=!<]|\\[csSbBk1-9]")


def faults(schema: object) -> Iterator[str]:
    """Say of a schema what in it OPA and the engine read otherwise, with what to write."""
    if not isinstance(schema, dict):
        return
    for keyword in KEYWORDS.keys() & schema.keys():
        yield f"{keyword}: {KEYWORDS[keyword]}"
    if "$ref" in schema and schema.keys() - BESIDE_REF:
        yield "$ref beside other keywords: OPA reads only the $ref: put both in allOf"
    named = schema.get("patternProperties")
    patterns = [schema.get("pattern"), *(named if isinstance(named, dict) else ())]
    if any(isinstance(text, str) and PATTERN.search(text) for text in patterns):
        yield "a pattern with \\s, \\b, \\c or a look around: write out the characters"
    for part in _below(schema):
        yield from faults(part)


def _below(schema: Mapping[str, object]) -> Iterator[object]:
    for keyword in NAMED:
        found = schema.get(keyword)
        yield from found.values() if isinstance(found, dict) else ()
    for keyword in LISTED:
        found = schema.get(keyword)
        yield from found if isinstance(found, list) else ()
    for keyword in ALONE:
        yield schema.get(keyword)


def check_match(document: str, schema: str) -> bool:
    """Return true where both, as JSON, are read by the engine as OPA does; ValueError else."""
    if document[:1] not in {'"', "{"}:
        raise ValueError("expected a document that is an object, or a text of JSON")
    if document[:1] == '"':
        _check_text(json.loads(document))
    fault = _fault(schema)
    if fault:
        raise ValueError(fault)
    return True


def _check_text(text: str) -> None:
    # The engine takes an array in a text for the text itself, and a text that is no JSON too.
    if not isinstance(json.loads(text), dict):
        raise ValueError("expected a text that is a JSON object")


@lru_cache(maxsize=256)
def _fault(schema: str) -> str | None:
    read = json.loads(schema)
    if isinstance(read, str):
        read = json.loads(read)
    elif not isinstance(read, dict):
        return "expected a schema that is an object"
    return next(faults(read), None)
