"""Ports that several processes listen on, so that the system spreads connections over them.

mitmproxy opens its ports for itself alone. With SO_REUSEPORT (socket(7)) every process of one user
may have a socket of its own on a port, and Linux hands each new connection to one of them. A port
is claimed by the first process, which refuses one that somebody else has; the others join it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from mitmproxy.proxy import mode_servers


class UnsharedMode(OSError):
    """A mode whose datagrams can't be spread over processes."""


def claim_ports() -> None:
    """Have ports be opened so that others can join; OSError for one that is in use."""

    async def listen(instance: Any, host: str, port: int) -> list[asyncio.Server]:
        probe = await asyncio.start_server(instance.handle_stream, host, port, start_serving=False)
        probe.close()
        return await _listen(instance, host, port)

    mode_servers.AsyncioServerInstance.listen = listen  # type: ignore[method-assign,assignment]


def join_ports() -> None:
    """Have ports be opened beside those who have claimed them."""
    mode_servers.AsyncioServerInstance.listen = _listen  # type: ignore[method-assign,assignment]


async def _listen(instance: Any, host: str, port: int) -> list[asyncio.Server]:
    """Listen for TCP alone: a datagram of HTTP/3 could reach a process without its connection."""
    if instance.mode.transport_protocol == "udp" or instance.mode.type_name == "dns":
        raise UnsharedMode(
            f"mode {instance.mode.full_spec}: datagrams can't be shared by several processes; "
            "run it with one process"
        )
    handle = instance.handle_stream
    return [await asyncio.start_server(handle, host, port, reuse_port=True)]
