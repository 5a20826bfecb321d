"""Replies that a page of another origin may read.

A browser keeps an answer from a page unless it names the page's origin (Fetch, CORS check). A
provider's own answers pass as they came; where ours comes in its place, the page sees a network
error unless it can read why.
"""

from __future__ import annotations

import re
from dataclasses import replace

from .reply import Reply

_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[!-~]{1,255}", re.IGNORECASE)
"""One origin as browsers serialise it (RFC 6454 section 6.2)."""


type Headers = tuple[tuple[str, str], ...]


def with_origin(reply: Reply, origin: str | None) -> Reply:
    """Let the page that asked read a reply; as it is where the request names no origin."""
    return replace(reply, headers=with_page(reply.headers, origin))


def with_page(headers: Headers, origin: str | None) -> Headers:
    """Add what lets the page that asked read an answer of ours with these headers."""
    if origin is None or not _ORIGIN.fullmatch(origin):
        return headers
    ours = ", ".join(name for name, _ in headers if name.lower().startswith("x-"))
    return (
        *headers,
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", ours),
        ("Vary", "Origin"),
    )
