"""Bodies that are neither JSON nor a form: a file that is uploaded as it is.

Only operations without a dialect of their own take one. A text is judged as a text; what isn't one
is an attachment.
"""

from __future__ import annotations

import hashlib
import json

from helm_boundary.calls.call import Attachment, Call, HttpRequest, Operation, Text
from helm_boundary.calls.inline import text_in

_TAKE_FILES = frozenset({"admin", "agent", "data", "unknown"})
_UPLOADS = "/upload/"
_JSON = ("application/json", "+json")


def may_be_raw(operation: Operation, request: HttpRequest) -> bool:
    """Tell whether an operation may come with a body that doesn't claim to be JSON."""
    media_type = _media_type(request.header("content-type"))
    claims_json = not media_type or media_type.endswith(_JSON)
    takes_files = operation.dialect == "generic" and operation.category in _TAKE_FILES
    return takes_files and (not claims_json or _is_upload(request))


def read_raw(body: bytes, content_type: str | None) -> tuple[Call, bytes]:
    """Return the call of a raw body, and the body as policy sees it: JSON that describes it."""
    text = text_in(body)
    if text is None:
        digest = hashlib.sha256(body).hexdigest()
        media_type = _media_type(content_type)
        file = Attachment("", "file", media_type or None, None, len(body), digest)
        described = {"media_type": media_type, "bytes": len(body), "sha256": digest}
        return Call(attachments=(file,), body=described), json.dumps(described).encode("ascii")
    return Call(texts=(Text("", "user", text),), body=text), json.dumps(text).encode("ascii")


def _is_upload(request: HttpRequest) -> bool:
    """Tell whether a request is the second of Google's uploads, whose type the first one gave."""
    return request.path.startswith(_UPLOADS) and "upload_id=" in request.query


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()
