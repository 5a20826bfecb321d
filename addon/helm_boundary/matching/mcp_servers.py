"""The short names of MCP servers, which policy's data gives to their addresses.

`mcp.servers` is `{github: [https://api.githubcopilot.com/mcp/]}`: a server is everything below an
address of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.hosts import canonical_host
from helm_boundary.calls.refusal import schema_violation

from .path_reading import ODD, canonical_path, loosest_reading

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where one server is; `path` has no final slash."""

    name: str
    scheme: str
    host: str
    port: int
    path: str

    def has(self, path: str) -> bool:
        """Tell whether a path is the server's own, or below that."""
        return f"{path}/".startswith(f"{self.path}/")

    def is_endpoint(self, path: str) -> bool:
        """Tell whether a path is the address itself, where messages go and nothing else does."""
        return canonical_path(path).rstrip("/") == self.path


class Servers:
    """The servers that have a name."""

    def __init__(self, addresses: Iterable[Address] = ()) -> None:
        self._at: dict[tuple[str, str, int], list[Address]] = {}
        for each in sorted(addresses, key=lambda each: -len(each.path)):
            self._at.setdefault((each.scheme, each.host, each.port), []).append(each)

    def __bool__(self) -> bool:
        return bool(self._at)

    def name_of(self, request: HttpRequest) -> str | None:
        """Return the short name of the server that a request goes to; as `address_of`."""
        found = self.address_of(request)
        return None if found is None else found.name

    def address_of(self, request: HttpRequest) -> Address | None:
        """Return the named server's address that a request goes to, None where it has none.

        Raises:
            Refusal: the path is written so that only some servers read a named one's in it.
        """
        found = self._at.get((request.scheme, canonical_host(request.host), request.port))
        if found is None:  # nearly always
            return None
        path = canonical_path(request.path)
        if not ODD.search(path):
            return next((each for each in found if each.has(path)), None)
        loose = loosest_reading(request.path)
        if any(replace(each, path=each.path.lower()).has(loose) for each in found):
            raise schema_violation(
                "the path can be read as an MCP server's but isn't written as one; "
                "send it plainly, without escapes, dot segments or doubled slashes"
            )
        return None


def read_servers(data: Mapping[str, Any]) -> Servers:
    """Read the servers from a policy's data; an address that can't be read names nobody."""
    settings = data.get("mcp")
    servers = settings.get("servers") if isinstance(settings, Mapping) else None
    return Servers(_addresses(servers) if isinstance(servers, Mapping) else ())


def _addresses(servers: Mapping[str, Any]) -> Iterator[Address]:
    for name, given in servers.items():
        for url in [given] if isinstance(given, str) else given or ():
            address = _address(str(name), str(url))
            if address is not None:
                yield address


def _address(name: str, url: str) -> Address | None:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return None
    if scheme not in _PORTS or not host:
        return None
    path = canonical_path(parts.path).rstrip("/")
    return Address(name, scheme, canonical_host(host), port or _PORTS[scheme], path)
