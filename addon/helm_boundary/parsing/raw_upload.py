"""Bodies that are a file as it is, without a form or JSON around it."""

from __future__ import annotations

import hashlib

from helm_boundary.calls.call import Attachment, Call, Text
from helm_boundary.calls.inline import text_in

_JSON = "json"


def is_upload(body: bytes, content_type: str | None) -> bool:
    """Tell whether a body is a file: by its type no JSON, and not what some server reads as it."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if not kind or _JSON in kind or kind == "application/x-www-form-urlencoded":
        return False
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"[", b'"')


def read_call(body: bytes, content_type: str) -> Call:
    """Read what a file says: its text where it is one, and what it is."""
    text = text_in(body)
    digest = hashlib.sha256(body).hexdigest()
    kind = content_type.partition(";")[0].strip().lower()
    return Call(
        texts=() if text is None else (Text("", "user", text),),
        attachments=(Attachment("", "file", kind, None, len(body), digest),),
    )
