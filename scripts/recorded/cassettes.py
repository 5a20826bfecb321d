"""Recordings in the form of VCR.py: YAML files with a list of `interactions`.

Source: VCR.py's serialisation, version 1, and the `parsed_body` that pydantic-ai's tests write in
place of a body that is JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from recorded.recording import Headers, Recording, Unreadable, kept

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLACES = ("api", "www")


def read_cassette(file: Path) -> Iterator[Recording]:
    """Yield the calls of a file, in their order.

    Raises:
        Unreadable: no YAML, or no interactions in it.
    """
    try:
        found = yaml.load(file.read_text("utf-8"), Loader=_LOADER)  # noqa: S506 it is a safe loader
        interactions = [(each["request"], each["response"]) for each in found["interactions"]]
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise Unreadable(f"{file}: expected interactions ({type(error).__name__})") from error
    for number, (request, response) in enumerate(interactions):
        yield _recording(f"{file.stem}[{number}]", request, response)


def _recording(name: str, request: Mapping[str, Any], response: Mapping[str, Any]) -> Recording:
    address = urlsplit(_text(request["uri"]))
    query = f"?{address.query}" if address.query else ""
    return Recording(
        provider=_provider_of(address.hostname or ""),
        name=name,
        method=_text(request["method"]),
        path=(address.path or "/") + query,
        headers=kept(_headers(request.get("headers") or {})),
        body=_body(request),
        status=int(response["status"]["code"]),
        answer_headers=kept(_headers(response.get("headers") or {})),
        answer=_body(response),
    )


def _provider_of(host: str) -> str:
    """Name a provider after its host's domain, without its region or account."""
    parts = host.split(".")
    return ".".join(parts[-2:]) if len(parts) > 1 else host or "unknown"


def _headers(told: Mapping[Any, Any]) -> Headers:
    return tuple(
        (_text(name), _text(value))
        for name, values in told.items()
        for value in (values if isinstance(values, list) else [values])
    )


def _body(message: Mapping[str, Any]) -> bytes:
    body = message.get("parsed_body", message.get("body"))
    if isinstance(body, Mapping) and "string" in body:
        body = body["string"]
    if isinstance(body, Mapping | list):
        return json.dumps(body, ensure_ascii=False).encode("utf-8")
    return body if isinstance(body, bytes) else str(body or "").encode("utf-8")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
