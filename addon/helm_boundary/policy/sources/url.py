"""Addresses of servers that policy comes from, as they may be shown."""

from __future__ import annotations

from urllib.parse import urlsplit


def has_credentials(url: str) -> bool:
    """Tell whether an address has a user or a password in it."""
    return "@" in urlsplit(url).netloc


def shown(url: str) -> str:
    """Return an address for messages and logs: without user and password, and without a query."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0]
    authority, slash, path = place.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
