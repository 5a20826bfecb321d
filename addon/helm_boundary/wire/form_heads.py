"""A form's parts as the strictest of readers takes them (RFC 7578, RFC 2046 section 5.1).

Readers of forms are lenient, each in its own way: of two names they take the first or the last,
they decode what a header says is encoded, they end a line at a bare line feed. So a form is cut a
second time here, and what any of them could read otherwise is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from helm_boundary.calls.refusal import Refusal, schema_violation

_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^\s";,=\\]+)'
_DISPOSITION = re.compile(
    rf"form-data; ?name=({_VALUE})((?:; ?filename={_VALUE})?(?:; ?filename\*=[^\s\";,]+)?)",
    re.IGNORECASE,
)
"""One name, then at most one file name in each of the two spellings, as .NET sends both."""
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
_AS_THEY_ARE = frozenset({"7bit", "8bit", "binary"})
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_SAME_ASCII = frozenset({"iso-8859-1", "latin1", "windows-1252"})
"""What Java's clients say of a field in which there is only ASCII."""

type Cut = tuple[str, memoryview]
"""A part's name and its content, which is a piece of the body and no copy of it."""


def check_form_charset(content_type: str, body: bytes) -> None:
    """Refuse a charset of a whole form by which some reader would read another text of it."""
    found = _CHARSET.search(content_type.lower())
    if found is not None and not _is_utf_8(found[1], b"" if found[1] in _SAME_ASCII else body):
        raise _two("its charset isn't UTF-8")


def cut_form(body: bytes, boundary: bytes) -> list[Cut]:
    """Return the parts of a form that has one reading.

    Raises:
        Refusal: it has another as well.
    """
    line = b"--" + boundary
    spans = list(_spans(body, line))
    if len(re.findall(rb"(?:^|[\r\n])" + re.escape(line), body)) != len(spans) + 1:
        raise _two("a line of its own isn't ended as its other lines are")
    parts = [_cut(body, start, end) for start, end in spans]
    _check_names([name for name, _ in parts])
    return parts


def _spans(body: bytes, line: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each part begins, behind its line, and where it ends."""
    start = 2 if body.startswith(b"\r\n") else 0
    if not body.startswith(line, start):
        raise _two("something stands before its first part")
    start += len(line)
    while (end := body.find(b"\r\n" + line, start)) >= 0:
        yield start, end
        start = end + 2 + len(line)
    if body[start : start + 5] not in (b"--", b"--\r\n"):
        raise _two("something stands behind its last part")


def _cut(body: bytes, start: int, end: int) -> Cut:
    blank = body.find(b"\r\n\r\n", start + 2, end)
    if not body.startswith(b"\r\n", start, end) or blank < 0:
        raise _two("a part's head isn't ended by an empty line")
    content = memoryview(body)[blank + 4 : end]
    headers = list(_headers(body[start + 2 : blank]))
    named = [value for name, value in headers if name == "content-disposition"]
    found = _DISPOSITION.fullmatch(named[0]) if len(named) == 1 else None
    if found is None:
        raise _two("a part hasn't one Content-Disposition with one name")
    for name, value in headers:
        _check_coding(name, value.lower(), content)
    return _name(found[1]), content


def _headers(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.decode("utf-8", "surrogateescape").split("\r\n"):
        found = _HEADER.fullmatch(line)
        if found is None:
            raise _two("a part's header is folded, or has a character that headers can't have")
        yield found[1].lower(), found[2].strip()


def _check_coding(name: str, value: str, content: memoryview) -> None:
    """Refuse what says that a content is to be decoded."""
    if name == "content-transfer-encoding" and value not in _AS_THEY_ARE:
        raise _two("a part says that it is encoded")
    if name != "content-type":
        return
    if value.startswith("multipart/"):
        raise _two("a part has parts of its own")
    charset = _CHARSET.search(value)
    if charset is not None and not _is_utf_8(charset[1], content):
        raise _two("a part's charset isn't UTF-8")


def _is_utf_8(charset: str, content: bytes | memoryview) -> bool:
    return charset in _UTF_8 or (charset in _SAME_ASCII and bytes(content).isascii())


def _name(written: str) -> str:
    name = written[1:-1] if written.startswith('"') else written
    if {"\\", "%"} & {*name} or not name.isprintable():
        raise _two("a part's name has escapes in it")
    return name


def _check_names(names: list[str]) -> None:
    """Refuse names that some readers take for one, and that which changes the others' charset."""
    plain = {name.removesuffix("[]") for name in names}
    if len({name.casefold() for name in plain}) < len(plain) or "_charset_" in plain:
        raise _two("two of its names are one for some readers, or one is `_charset_`")
    if any(name + "[]" in names for name in names):
        raise _two("a name stands there as a list and as itself")


def _two(why: str) -> Refusal:
    return schema_violation(f"the form could be read in two ways: {why}")
