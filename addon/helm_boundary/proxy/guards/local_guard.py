"""What a confined program may not reach by us: this machine and its private networks.

A namespace keeps it from connecting there itself; we aren't in that namespace. The names of a
request are resolved before it is judged, and once more right before the connection, which then
goes to the address that was looked at: a name may have another one by then.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

from mitmproxy import ctx
from mitmproxy.proxy import mode_specs, server_hooks

from helm_boundary.calls.hosts import canonical_host
from helm_boundary.calls.local_addresses import Reach
from helm_boundary.calls.refusal import Refusal


class LocalGuard:
    """Part of the addon: refuses local destinations that nobody has named."""

    name = "helmboundarylocal"

    def __init__(self) -> None:
        self.reach = Reach()
        self._named: dict[str, tuple[str, int]] = {}

    async def refusal_of(self, host: str, port: int) -> Refusal | None:
        """Return why a request may not go to a host and port, None where it may."""
        if self.reach.everything:
            return None
        addresses = await _addresses(host, port)
        forbidden = any(self.reach.forbids(address, port) for address in addresses)
        return local_refusal(host, port) if forbidden else None

    async def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Connect to what was looked at, or not at all."""
        if self.reach.everything or data.server.error or data.server.address is None:
            return
        host, port, *_ = data.server.address
        if (host, port) in _proxies(ctx.options.mode):
            return
        addresses = await _addresses(host, port)
        if any(self.reach.forbids(address, port) for address in addresses):
            data.server.error = f"helm-boundary: {local_refusal(host, port).message}"
        elif addresses and addresses[0] != host:
            self._named[data.server.id] = (host, port)
            data.server.address = (addresses[0], port)

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Call the connection by its name again, by which it is found for the next request."""
        named = self._named.pop(data.server.id, None)
        if named is not None:
            # mitmproxy forbids it on an open connection, as it would be another one's.
            object.__setattr__(data.server, "address", named)

    def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Forget a connection that has failed."""
        self._named.pop(data.server.id, None)


def local_refusal(host: str, port: int) -> Refusal:
    """Return the refusal of a local destination, with what allows it."""
    shown = f"[{host}]" if ":" in host else host
    return Refusal(
        "SANDBOX_VIOLATION",
        f"a confined program reaches nothing on this machine or its private networks; to allow "
        f"this address, run it with --allow-local {shown}:{port}",
        "ungranted",
    )


def _proxies(modes: Sequence[str]) -> list[tuple[str, int]]:
    """Return the proxies that the operator sends everything to; what they reach is told by name."""
    found = map(mode_specs.ProxyMode.parse, modes)
    return [each.address for each in found if isinstance(each, mode_specs.UpstreamMode)]


async def _addresses(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, one form each; none where it has none that we know of."""
    name = canonical_host(host)
    try:
        return [str(ipaddress.ip_address(name))]
    except ValueError:
        pass
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(place[0]) for *_, place in found]
