"""Go's ``fmt.Sprintf`` for what OPA gives it: whole numbers, floats and strings.

Written after the fmt package's own documentation and print.go: a value that its verb can't take
is printed as ``%!d(string=abc)``, a missing one as ``%!d(MISSING)``, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .go_numbers import format_float, format_integer
from .go_quote import is_printable, quote, quote_character

type Value = int | float | str

FLAGS = frozenset("+-# 0")
WIDEST = 1_000_000  # Go's own limit for a width and a precision


@dataclass(slots=True)
class Verb:
    """One verb of a format with its flags."""

    name: str = ""
    flags: set[str] = field(default_factory=set)
    width: int | None = None
    precision: int | None = None

    def pad(self, text: str, *, zeros: bool = False) -> str:
        """Pad the text to the width that the verb asks for."""
        width = self.width or 0
        if "-" in self.flags:
            return text.ljust(width)
        if not zeros:
            return text.rjust(width)
        sign = text[:1] if text[:1] in {"+", "-", " "} else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")


def sprintf(text: str, values: Sequence[Value]) -> str:
    """Replace each verb in the text by the next value."""
    return "".join(_Printer(text, values).pieces())


class _Printer:
    def __init__(self, text: str, values: Sequence[Value]) -> None:
        self._text = text
        self._values = values
        self._position = self._used = 0
        self._reordered = self._good = False

    def pieces(self) -> Iterator[str]:
        while (start := self._text.find("%", self._position)) >= 0:
            yield self._text[self._position : start]
            self._position = start + 1
            yield from self._verb()
        yield self._text[self._position :]
        if not self._reordered and self._used < len(self._values):
            rest = (f"{_type(value)}={_plain(value)}" for value in self._values[self._used :])
            yield f"%!(EXTRA {', '.join(rest)})"

    def _verb(self) -> Iterator[str]:
        verb = Verb()
        self._good, after_index = True, False
        while (flag := self._peek()) and flag in FLAGS:
            verb.flags.add(flag)
            self._position += 1
        after_index = self._index()
        if self._peek() == "*":
            yield from self._starred_width(verb)
            after_index = False
        else:
            verb.width = self._number()
            if after_index and verb.width is not None:
                self._good = False
        if self._peek() == ".":
            self._position += 1
            if after_index:
                self._good = False
            after_index = self._index()
            if self._peek() == "*":
                yield from self._starred_precision(verb)
                after_index = False
            else:
                verb.precision = self._number() or 0
        if not after_index:
            self._index()
        verb.name = self._peek()
        self._position += 1
        yield self._printed(verb)

    def _printed(self, verb: Verb) -> str:
        if not verb.name:
            return "%!(NOVERB)"
        if verb.name == "%":
            return "%"
        if not self._good:
            return f"%!{verb.name}(BADINDEX)"
        if self._used >= len(self._values):
            return f"%!{verb.name}(MISSING)"
        self._used += 1
        return format_value(verb, self._values[self._used - 1])

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _number(self) -> int | None:
        start = self._position
        while self._peek() and self._peek() in "0123456789":
            self._position += 1
        digits = self._text[start : self._position]
        if digits and int(digits[:10]) > WIDEST:
            self._position = len(self._text)
            return None
        return int(digits) if digits else None

    def _index(self) -> bool:
        """Take ``[n]``, which says which value is next."""
        if self._peek() != "[":
            return False
        self._reordered = True
        end = self._text.find("]", self._position)
        digits = self._text[self._position + 1 : end] if end > 0 else ""
        self._position = end + 1 if end > 0 else self._position + 1
        if digits.isdecimal() and 1 <= int(digits) <= len(self._values):
            self._used = int(digits) - 1
            return True
        self._good = False
        return bool(digits)

    def _starred_width(self, verb: Verb) -> Iterator[str]:
        verb.width = self._star()
        if verb.width is None:
            yield "%!(BADWIDTH)"
        elif verb.width < 0:
            verb.width = -verb.width
            verb.flags.add("-")

    def _starred_precision(self, verb: Verb) -> Iterator[str]:
        verb.precision = self._star()
        if verb.precision is not None and verb.precision < 0:
            verb.precision = None
        if verb.precision is None:
            yield "%!(BADPREC)"

    def _star(self) -> int | None:
        self._position += 1
        value = self._values[self._used] if self._used < len(self._values) else None
        self._used += value is not None
        return value if isinstance(value, int) and abs(value) <= WIDEST else None


def format_value(verb: Verb, value: Value) -> str:
    """Print a value as its verb does."""
    if verb.name == "T":
        return _string(replace(verb, name="s"), _type(value)) or ""
    if verb.name == "v" and not _is_big(value):  # takes + for other things than signs
        verb = replace(verb, flags=verb.flags - {"+"})
    printed = PRINTERS[type(value)](verb, value)
    if printed is not None:
        return printed
    if isinstance(value, float) and "#" in verb.flags:
        raise ValueError("a # before a float's verb is not supported here: leave it out")
    flags = verb.flags - {"#"}
    plain = PRINTERS[type(value)](replace(verb, name="v", flags=flags), value)
    if _is_big(value):
        plain = str(value)
    return f"%!{verb.name}({_type(value).removeprefix('*')}={plain})"


def _integer(verb: Verb, value: int) -> str | None:
    if verb.name in {"c", "q", "U"} and not _is_big(value):
        return _character(verb, value)
    if verb.name == "p" and _is_big(value):
        raise ValueError("%p prints an address: use %d")
    precision = verb.precision
    if "0" in verb.flags and "-" not in verb.flags and precision is None and not _is_big(value):
        # Zeros fill the width between the sign and the digits; a prefix comes on top.
        signed = value < 0 or bool(verb.flags & {"+", " "})
        precision = max((verb.width or 0) - signed, 1) if verb.width is not None else None
    text = format_integer(verb.name, value, verb.flags, precision, big=_is_big(value))
    return None if text is None else verb.pad(text, zeros="0" in verb.flags and _is_big(value))


def _character(verb: Verb, value: int) -> str:
    known = 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000
    shown = chr(value) if known else "\ufffd"
    if verb.name == "c":
        return verb.pad(shown, zeros="0" in verb.flags)
    if verb.name == "q":
        quoted = quote_character(shown, ascii_only="+" in verb.flags)
        return verb.pad(quoted, zeros="0" in verb.flags)
    digits = f"U+{value & 0xFFFFFFFFFFFFFFFF:04X}"
    named = "#" in verb.flags and known and is_printable(shown)
    return verb.pad(f"{digits} '{shown}'" if named else digits)


def _float(verb: Verb, value: float) -> str | None:
    text = format_float(verb.name, value, verb.flags, verb.precision)
    return None if text is None else verb.pad(text, zeros="0" in verb.flags)


def _string(verb: Verb, value: str) -> str | None:
    if verb.name == "v" and "#" in verb.flags:
        return verb.pad(quote(value))
    if verb.name in {"x", "X"}:
        return verb.pad(_hexadecimal(verb, value), zeros="0" in verb.flags)
    cut = value if verb.precision is None else value[: verb.precision]
    if verb.name in {"s", "v"}:
        return verb.pad(cut, zeros="0" in verb.flags)
    if verb.name == "q":
        raw = (
            "#" in verb.flags
            and "`" not in cut
            and all(one == "\t" or is_printable(one) for one in cut)
        )
        quoted = f"`{cut}`" if raw else quote(cut, ascii_only="+" in verb.flags)
        return verb.pad(quoted, zeros="0" in verb.flags)
    return None


def _hexadecimal(verb: Verb, value: str) -> str:
    whole = value.encode()
    pairs = [f"{byte:02x}" for byte in whole[: verb.precision]]
    prefix = "0x" if "#" in verb.flags else ""
    if " " in verb.flags:
        text = " ".join(prefix + pair for pair in pairs)
    else:
        text = prefix + "".join(pairs) if pairs else ""
    return text.upper() if verb.name == "X" else text


def _type(value: Value) -> str:
    if isinstance(value, int):
        return "*big.Int" if _is_big(value) else "int64"
    return "float64" if isinstance(value, float) else "string"


def _plain(value: Value) -> str:
    return PRINTERS[type(value)](Verb("v"), value) or ""


def _is_big(value: Value) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**63


PRINTERS: Mapping[type, Callable[[Verb, Any], str | None]] = {
    int: _integer,
    float: _float,
    str: _string,
}
