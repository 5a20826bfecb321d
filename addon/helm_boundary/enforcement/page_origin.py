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


def with_origin(reply: Reply, origin: str | None) -> Reply:
    """Let the page that asked read a reply; as it is where the request names no origin."""
    if origin is None or not _ORIGIN.fullmatch(origin):
        return reply
    ours = ", ".join(name for name, _ in reply.headers if name.lower().startswith("x-"))
    return replace(
        reply,
        headers=(
            *reply.headers,
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", ours),
            ("Vary", "Origin"),
        ),
    )
