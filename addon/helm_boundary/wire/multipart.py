"""Requests in multipart/form-data (RFC 7578): files with fields beside them.

Fields are texts like any other; a file is an attachment, and a text too where it is one. So is what
a client wrote into a part's head: names of fields and of files, and headers. The form is cut by
werkzeug's parser; what that leaves open (a name twice, a part without a name) is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
)

from helm_boundary.calls.call import Attachment, Call, Json, NameText, Text
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import is_plain_name, pointer_token

from .form_heads import Cut, check_form_charset, cut_form

MEDIA_TYPE = "multipart/form-data"
MAX_PARTS = 1_000
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form; `filename` is None for a field, and `head` is its headers' lines.

    Its content is a piece of the body and no copy: a file may be large.
    """

    name: str
    filename: str | None
    media_type: str
    content: memoryview
    head: tuple[str, ...] = ()


def is_form(content_type: str | None) -> bool:
    """Tell whether a request's Content-Type says that it is a form."""
    return (content_type or "").partition(";")[0].strip().lower() == MEDIA_TYPE


def read_form(body: bytes, content_type: str) -> tuple[Part, ...]:
    """Parse the parts of a form.

    Raises:
        Refusal: no boundary, a damaged form, or one that could be read in two ways.
    """
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary or content_type.lower().count("boundary=") != 1:
        raise schema_violation("the form's Content-Type doesn't name one boundary")
    check_form_charset(content_type, body)
    line = boundary.encode("latin-1")
    try:
        parts = _parts(body, line, cut_form(body, line))
    except (ValueError, RequestEntityTooLarge, UnicodeError):
        raise schema_violation("the form isn't valid multipart/form-data") from None
    names = [part.name for part in parts if not part.name.endswith("[]")]
    if not all(names) or len(set(names)) != len(names):
        raise schema_violation("the form has a part without a name, or a name twice")
    return parts


def read_call(parts: tuple[Part, ...]) -> tuple[Call, bytes]:
    """Return the call that a form makes, and the form as policy sees it: JSON, files described.

    Raises:
        Refusal: a field that isn't UTF-8 text, or a model that is a file.
    """
    described: dict[str, Json] = {}
    texts: list[Text] = []
    attachments: list[Attachment] = []
    for part in parts:
        pointer = pointer_token(part.name)
        texts += _names(part, pointer)
        text = _text(part)
        if text is not None:
            texts.append(Text(pointer, "user", text))
        if part.filename is not None:
            attachments.append(_attachment(part, pointer))
        described[part.name] = text if part.filename is None else _describe(part)
    model = described.get("model")
    if model is not None and not isinstance(model, str):
        raise schema_violation("the form's `model` is a file; expected its name as a field")
    call = Call(
        model=model,
        stream=described.get("stream") == "true",
        texts=tuple(texts),
        attachments=tuple(attachments),
        body=described,
    )
    return call, json.dumps(described).encode("ascii")


def _parts(body: bytes, line: bytes, cut: list[Cut]) -> tuple[Part, ...]:
    """Return the parts as werkzeug reads them, each of which must be the one that was `cut`."""
    parts: list[Part] = []
    head: Field | File | None = None
    at = 0
    for event in _events(body, line):
        if isinstance(event, Field | File):
            head, at = event, 0
        elif isinstance(event, Data) and head is not None:
            name, content = cut[len(parts)] if len(parts) < len(cut) else ("", memoryview(b""))
            piece = content[at : at + len(event.data)]
            at += len(event.data)
            whole = event.more_data or at == len(content)
            if name != (head.name or "") or piece != event.data or not whole:
                raise schema_violation("the form could be read in two ways")
            if not event.more_data:
                parts.append(_part(head, content))
    if len(parts) != len(cut):
        raise schema_violation("the form could be read in two ways")
    return tuple(parts)


def _events(body: bytes, line: bytes) -> Iterator[Event]:
    """Yield what werkzeug reads in a form, of which it never has more than a piece."""
    decoder = MultipartDecoder(line, max_parts=MAX_PARTS)
    for start in range(0, len(body), _PIECE):
        decoder.receive_data(body[start : start + _PIECE])
        while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
            yield event
    decoder.receive_data(None)
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, NeedData):
            raise ValueError("truncated")
        yield event


def _part(head: Field | File, content: memoryview) -> Part:
    media_type = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    filename = head.filename if isinstance(head, File) else None
    lines = tuple(f"{name}: {value}" for name, value in head.headers)
    return Part(head.name or "", filename, media_type, content, lines)


def _names(part: Part, pointer: str) -> Iterator[NameText]:
    """Yield what the part's head says, but for a plain name of a field, which says nothing."""
    if part.filename is None and len(part.head) == 1 and is_plain_name(part.name):
        return
    written = "\n".join(part.head)
    said = (part.name, part.filename or "", written, unquote(written, errors="replace"))
    for words in filter(None, dict.fromkeys(said)):
        yield NameText(pointer, "user", words)


def _text(part: Part) -> str | None:
    """Return the part's content where it is text; a file that isn't is only an attachment."""
    try:
        return str(part.content, "utf-8")
    except UnicodeDecodeError:
        if part.filename is None:
            raise schema_violation(f"the form's field {part.name!r} isn't UTF-8 text") from None
        return None


def _attachment(part: Part, pointer: str) -> Attachment:
    digest = hashlib.sha256(part.content).hexdigest()
    return Attachment(pointer, "file", part.media_type or None, None, len(part.content), digest)


def _describe(part: Part) -> Json:
    return {
        "filename": part.filename,
        "media_type": part.media_type,
        "bytes": len(part.content),
        "sha256": hashlib.sha256(part.content).hexdigest(),
    }
