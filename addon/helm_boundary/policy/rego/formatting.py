"""``sprintf``, ``json.marshal``, ``count`` and ``object.subset`` as OPA has them.

``sprintf`` is Go's fmt over whole numbers, floats, strings, and Rego's own notation. The engine's
own knows few verbs and takes wrong values silently. It stays in use for one thing it does well,
which is to write any value in Rego's notation, sets and large numbers too: that is what an
extension could not be given. So calls go to a function in Rego, which has both. The same holds
for JSON, for what can be counted (the engine counts a text's UTF-16, OPA its characters), and for
subsets (the engine panics at an empty array), for schemas, paths,
times and UUIDs (schemas.py, json_paths.py and identifiers.py have what OPA reads otherwise in one).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from json.decoder import JSONDecoder
from typing import Any

from .go_format import Value, sprintf
from .go_quote import quote

EXTENSION = "helm_sprintf"
ARGUMENTS = 3
FILE = "helm_boundary/text.rego"
PATH = "data.helm_boundary.text.format"
MODULE = f"""package helm_boundary.text

format(template, values) := {EXTENSION}(template, sprintf("%v", [[values]]), json.marshal(values))

marshal(value) := helm_escape_html(json.marshal(value))

size(value) := helm_characters(value) if is_string(value)

size(value) := count(value) if not is_string(value)

subset(whole, part) := object.subset(whole, part) if {{
	comparable(whole, part)
	not helm_has_empty(json.marshal(part))
}}

subset(whole, part) := helm_subset(json.marshal(whole), json.marshal(part)) if {{
	comparable(whole, part)
	helm_has_empty(json.marshal(part))
}}

match(document, schema) := json.match_schema(document, schema) if {{
	helm_check_match(json.marshal(document), json.marshal(schema))
}}

remove(value, paths) := json.remove(value, helm_paths(json.marshal(paths)))

filter(value, paths) := json.filter(value, helm_widest_paths(json.marshal(paths)))

time(value) := helm_trim_fraction(time.format(value)) if helm_size(value) < 3

time(value) := time.format(value) if helm_size(value) > 2

identifier(text) := uuid.parse(text) if helm_check_uuid(text)

comparable(whole, part) if {{
	type_name(whole) == type_name(part)
	type_name(part) in {{"array", "object", "set"}}
}}

comparable(whole, part) if {{
	is_array(whole)
	is_set(part)
}}
"""
INSTEAD = {
    "sprintf": PATH,
    "json.marshal": "data.helm_boundary.text.marshal",
    "count": "data.helm_boundary.text.size",
    "object.subset": "data.helm_boundary.text.subset",
    "json.match_schema": "data.helm_boundary.text.match",
    "json.remove": "data.helm_boundary.text.remove",
    "json.filter": "data.helm_boundary.text.filter",
    "time.format": "data.helm_boundary.text.time",
    "uuid.parse": "data.helm_boundary.text.identifier",
}
STRINGS = JSONDecoder()
SCALAR = re.compile(r"true|false|null|-?[0-9.]+")
# Strings, comments, and names with all that leads to them.
TOKENS = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#.*'
    # Variables are called count, too.
    r"|[\w.]*\b(?:sprintf\b|json\.(?:marshal|match_schema|remove|filter)\b|object\.subset\b"
    r"|uuid\.parse\b|time\.format\b|count(?=\()|(?<=with )count\b)"
)
OWN = re.compile(rf"^(?:default[ \t]+)?({'|'.join(map(re.escape, INSTEAD))})\b", re.MULTILINE)


def is_called(text: str) -> bool:
    """Tell whether a module may call one of the functions."""
    return any(name in text for name in INSTEAD)


def call_instead(text: str) -> str:
    """Make a module call these functions, but for those that it defines itself."""
    if not is_called(text):
        return text
    own = set(OWN.findall(text))
    instead = {name: path for name, path in INSTEAD.items() if name not in own}
    return TOKENS.sub(lambda found: instead.get(found[0], found[0]), text)


def format_values(text: str, notation: str, marshalled: str) -> str:
    """Replace each verb in the text by a value.

    ``notation`` has the array of values in the engine's notation, inside another array;
    ``marshalled`` is its JSON, which tells the empty set from the empty object.
    """
    if not isinstance(text, str):
        raise TypeError("sprintf expects a string and an array")
    if not notation.startswith("[["):
        raise TypeError("sprintf expects an array of values")
    known = json.loads(marshalled) if "{}" in notation else None
    return sprintf(text, list(_Notation(notation, 2).values(known)))


class _Notation:
    """A reader of values in Rego's notation; inside other values it writes them as OPA does."""

    def __init__(self, text: str, position: int) -> None:
        self._text = text
        self._position = position

    def values(self, known: Any) -> Iterator[Value]:
        """Yield the values up to the end of the array."""
        for number in self._items("]"):
            start, shown = self._position, self._value(_at(known, number))
            if self._text[start] == '"':
                yield str(STRINGS.raw_decode(self._text, start)[0])
            else:
                yield _number(shown) if shown[0] in "-0123456789" else shown

    def _value(self, known: Any) -> str:
        opening = self._text[self._position]
        if opening == '"':
            text, self._position = STRINGS.raw_decode(self._text, self._position)
            return quote(text)
        if opening == "[":
            self._position += 1
            return f"[{', '.join(self._value(_at(known, n)) for n in self._items(']'))}]"
        if opening == "{":
            self._position += 1
            members = [self._member(known, number) for number in self._items("}")]
            return f"{{{', '.join(members)}}}" if members or known != [] else "set()"
        found = SCALAR.match(self._text, self._position)
        if found is None:
            raise ValueError("the engine wrote a value in an unknown notation")
        self._position = found.end()
        return found[0]

    def _member(self, known: Any, number: int) -> str:
        """Read a set's element, or an object's key and value."""
        start = self._position
        shown = self._value(_at(known, number))
        if self._text[self._position] != ":":
            return shown
        written = self._text[start : self._position]
        key = json.loads(written) if written.startswith('"') else written
        self._position += len(": ")
        return f"{shown}: {self._value(_at(known, key))}"

    def _items(self, end: str) -> Iterator[int]:
        """Stop at each item in turn, and behind the end."""
        number = 0
        while self._text[self._position] != end:
            self._position += len(", ") if number else 0
            yield number
            number += 1
        self._position += 1


def _at(known: Any, key: object) -> Any:
    if isinstance(known, Sequence) and isinstance(key, int):
        return known[key]
    return known.get(key) if isinstance(known, dict) else None


def _number(text: str) -> Value:
    return float(text) if "." in text or text == "-0" else int(text)
