"""Documents that a policy may get, made from the document's schema and the policy's own words.

Each is valid by the schema. Half of what they say are the policy's words, or nearly: another
case, one letter more, none at all. The rest is what readers of text and numbers are known to
differ on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema

from helm_boundary.policy.engines.smoke_test import SAMPLES

from .words import Words

type Schema = Mapping[str, Any]

DEPTH = 4
ODD_STRINGS = ("", " ", "a", "A", "é", "ß", "İ", "ΑΣ", "😀", "<a>&", " 1", "1.0", "01", "/", "..")
ODD_NUMBERS = (0, 1, -1, 2, 3, 9, 100, 0.1, 0.2, 0.5, 1.0, 1.5, 1e3, 2**31, 2**53 + 1, -(2**63))
POINTERS = ("/messages/0/content", "/messages/1/content", "/tools/0", "/http/path")


class Author:
    """A writer of documents; the same seed writes the same ones."""

    def __init__(self, schema: Schema, words: Words, seed: int) -> None:
        self._schema = schema
        self._words = words
        self._random = random.Random(seed)  # noqa: S311 - test data

    def documents(self, count: int) -> Iterator[dict[str, Any]]:
        """Yield documents: a sample with some members written anew, or all of them."""
        samples = list(SAMPLES.values())
        for _ in range(count):
            written = self._object(self._schema, 0)
            if self._random.random() < 0.7:
                written = self._mixed(self._random.choice(samples), written)
            yield written

    def _mixed(self, sample: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
        share = self._random.choice((0.1, 0.3, 0.6))
        mixed = dict(sample)
        for name in sorted(written.keys() - {"phase", "response"}):
            if self._random.random() < share:
                mixed[name] = written[name]
        if "response" in mixed and "response" in written and self._random.random() < share:
            mixed["response"] = written["response"]
        return mixed

    def _value(self, schema: Schema, depth: int) -> Any:
        schema = self._followed(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        kinds = schema.get("type")
        kind = self._random.choice(kinds) if isinstance(kinds, list) else kinds
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth + 1)
        if kind == "array":
            return self._array(schema, depth + 1)
        if kind == "string":
            pointer = schema.get("format") == "json-pointer"
            return self._random.choice(POINTERS) if pointer else self._string()
        if kind in ("integer", "number"):
            return self._integer(schema) if kind == "integer" else self._number()
        if kind == "boolean":
            return self._random.random() < 0.5
        return None if kind == "null" else self._anything(depth + 1)

    def _member(self, name: str, schema: Schema, depth: int) -> Any:
        """Write a member: one that may hold anything often has what the policy reads of it."""
        value = self._value(schema, depth)
        paths = [steps for member, steps in self._words.paths if member == name]
        if not paths or self._random.random() < 0.2:
            return value
        inner = schema.get("additionalProperties")
        for _ in range(self._random.choice((1, 1, 2, 3, 5))):
            steps = self._random.choice(paths)
            if inner or self._random.random() < 0.1:
                steps = steps[:1]
            value = self._planted(value, steps, inner or {})
        return value

    def _planted(self, value: Any, steps: Sequence[str | None], schema: Schema) -> Any:
        """Return the value with something at the end of the steps."""
        if not steps:
            return self._value(schema, DEPTH)
        if steps[0] is None:
            items = list(value) if isinstance(value, list) else []
            item = self._planted(items[-1] if items else None, steps[1:], schema)
            return [*items[:-1], item] if items and self._random.random() < 0.5 else [*items, item]
        members = dict(value) if isinstance(value, Mapping) else {}
        members[steps[0]] = self._planted(members.get(steps[0]), steps[1:], schema)
        return members

    def _followed(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        found: Schema = self._schema["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        return found

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        known = schema.get("properties", {})
        needed = set(schema.get("required", ()))
        value = {
            name: self._member(name, member, depth)
            for name, member in known.items()
            if name in needed or self._random.random() < 0.5
        }
        other = schema.get("additionalProperties", True)
        for _ in range(self._random.choice((0, 0, 1, 2, 4)) if other is not False else 0):
            name = self._name()
            if name not in known:
                value[name] = self._value(other if isinstance(other, Mapping) else {}, depth)
        return self._conditioned(schema, value, depth)

    def _conditioned(self, schema: Schema, value: dict[str, Any], depth: int) -> dict[str, Any]:
        """Add what `then` or `else` requires of the value, and take away what it mustn't have."""
        if "if" not in schema:
            return value
        holds = jsonschema.Draft202012Validator(schema["if"]).is_valid(value)
        more = schema.get("then" if holds else "else", {})
        for name in more.get("required", ()):
            value.setdefault(name, self._value(schema["properties"][name], depth))
        for name in more.get("not", {}).get("required", ()):
            value.pop(name, None)
        return value

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        count = self._random.choice((0, 1, 1, 2, 3)) if depth <= DEPTH else 0
        return [self._value(schema.get("items", {}), depth) for _ in range(count)]

    def _anything(self, depth: int) -> Any:
        """Write a value where the schema takes any."""
        kind = self._random.choice(("string", "string", "number", "boolean", "null", "object"))
        if kind == "object" and self._random.random() < 0.4:
            kind = "array"
        if depth > DEPTH and kind in ("object", "array"):
            kind = "string"
        return self._value({"type": kind}, depth)

    def _string(self) -> str:
        pools = self._words.strings, self._words.strings, self._words.settings
        word = self._random.choice(self._random.choice(pools) or ODD_STRINGS)
        how = self._random.random()
        if how < 0.5:
            return word
        if how < 0.75:
            return self._random.choice(ODD_STRINGS)
        changes = (word.upper(), word.lower(), word + "x", f"a {word} b", word[:-1], f"{word}é")
        return self._random.choice(changes)

    def _name(self) -> str:
        pool = self._words.names if self._random.random() < 0.6 else self._words.strings
        return self._random.choice(pool or ("n", "x"))

    def _integer(self, schema: Schema) -> int:
        whole = [n for n in (*self._words.numbers, *ODD_NUMBERS) if isinstance(n, int)]
        number = self._random.choice(whole) + self._random.choice((0, 0, 1, -1))
        return max(number, int(schema.get("minimum", number)), -(2**63))

    def _number(self) -> int | float:
        number = self._random.choice((*self._words.numbers, *ODD_NUMBERS))
        return float(number) if self._random.random() < 0.2 else number
