"""What stands in MCP's messages: texts, pictures and files, and what a server asks of its client.

Source: MCP's schemas of 2024-11-05 to 2026-07-28, `ContentBlock`, `ResourceContents`,
`InputRequiredResult`, `CreateMessageRequest` and `ElicitRequest`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from helm_boundary.calls.call import Attachment, CodedText, Json, ServerRequest, Text
from helm_boundary.calls.hosts import canonical_host
from helm_boundary.calls.inline import decoded, text_in
from helm_boundary.calls.texts import pointer_token, strings

from .json_shape import text_of

_FILES = {"image": "data", "audio": "data"}
"""Kinds of content, and the member that each has its bytes in."""
_ASKED = "inputRequests"


def texts(value: Json, pointer: str, role: str) -> list[Text]:
    """List every string below a value but the bytes of files; base64 that is text is both."""
    found = strings(_without_files(value), pointer, role)
    return [*found, *_coded(value, pointer, role)]


def attachments(value: Json, pointer: str) -> Iterator[Attachment]:
    """Yield the pictures, sounds and files below a value, and the links to resources."""
    for holder, where in _objects(value, pointer):
        key = _file_member(holder)
        content = decoded(holder[key]) if key else None
        media_type = text_of(holder.get("mimeType")) or None
        kind = text_of(holder.get("type")) or "resource"
        if key and content is not None:
            sum_ = hashlib.sha256(content).hexdigest()
            yield Attachment(f"{where}/{key}", kind, media_type, None, len(content), sum_)
        elif kind == "resource_link":
            host = host_of(text_of(holder.get("uri")))
            yield Attachment(f"{where}/uri", kind, media_type, host, None, None)


def asked_of_client(result: Json, pointer: str) -> Iterator[ServerRequest]:
    """Yield what a result asks for before it can be complete (`InputRequiredResult`)."""
    asked = result.get(_ASKED) if isinstance(result, dict) else None
    if isinstance(asked, dict):
        for key, each in asked.items():
            where = f"{pointer}/{_ASKED}{pointer_token(key)}"
            yield server_request(each if isinstance(each, dict) else {}, where)
    elif asked is not None:
        yield ServerRequest("", f"{pointer}/{_ASKED}")


def server_request(message: Mapping[str, Json], pointer: str) -> ServerRequest:
    """Read what a server asks of its client; an unknown mode of asking is what it says."""
    params = message.get("params")
    params = params if isinstance(params, dict) else {}
    method, mode = text_of(message.get("method")), None
    if method == "elicitation/create":
        mode = text_of(params.get("mode")) or ("url" if "url" in params else "form")
    return ServerRequest(method, pointer, mode, host_of(text_of(params.get("url"))))


def host_of(url: str) -> str | None:
    """Return the host that a URL leads to, None where there is none."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return canonical_host(host) if host else None


def _file_member(holder: Mapping[str, Json]) -> str | None:
    """Return the member in which an object has a file's bytes; None for anything else."""
    key = _FILES.get(text_of(holder.get("type"))) or ("blob" if "uri" in holder else "")
    coded = holder.get(key)
    content = decoded(coded) if coded else None
    return key if content is not None and text_in(content) is None else None


def _without_files(value: Json) -> Json:
    if isinstance(value, list):
        return [_without_files(each) for each in value]
    if not isinstance(value, dict):
        return value
    left_out = _file_member(value)
    return {key: _without_files(item) for key, item in value.items() if key != left_out}


def _coded(value: Json, pointer: str, role: str) -> Iterator[Text]:
    """Yield what a file says that is text after all: whoever decodes it reads it."""
    for holder, where in _objects(value, pointer):
        content = decoded(holder.get("blob"))
        said = text_in(content) if content else None
        if said:
            yield CodedText(f"{where}/blob", role, said)


def _objects(value: Json, pointer: str) -> Iterator[tuple[dict[str, Json], str]]:
    if isinstance(value, dict):
        yield value, pointer
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield from _objects(item, pointer + pointer_token(key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            if isinstance(item, dict | list):
                yield from _objects(item, f"{pointer}/{at}")
