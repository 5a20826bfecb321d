"""Balancers that an operator named say who their clients are; nobody else is believed."""

from __future__ import annotations

import asyncio
import logging
import time

from mitmproxy import connection

from helm_boundary.calls.networks import NOWHERE
from helm_boundary.wire import proxy_protocol
from helm_boundary.wire.proxy_protocol import HeaderRefused, Source

logger = logging.getLogger(__name__)

HEADER_SECONDS = 5.0
"""Longest that a header may take; HAProxy sends it with its connection's first packet."""

_QUIET_SECONDS = 10.0


class Balancers:
    """Reads the PROXY protocol's header from balancers: `networks` are theirs."""

    def __init__(self) -> None:
        self.networks = NOWHERE
        self._said_at = -_QUIET_SECONDS
        self._unsaid = 0

    async def meet(self, client: connection.Client, reader: asyncio.StreamReader) -> bool:
        """Give a client its own address; False where a balancer doesn't say whose it is."""
        if not self.networks or client.peername[0] not in self.networks:
            return True
        try:
            async with asyncio.timeout(HEADER_SECONDS):
                source = await _read_header(reader)
        except HeaderRefused as error:
            self._warn(client, str(error))
            return False
        except TimeoutError:
            self._warn(client, f"no whole header within {HEADER_SECONDS:g} seconds")
            return False
        except (asyncio.IncompleteReadError, OSError):  # it only looked whether somebody listens
            return False
        if source is not None:
            client.peername = (source.address, source.port)
        return True

    def _warn(self, client: connection.Client, why: str) -> None:
        """Say why a connection is closed, but not again and again."""
        if time.monotonic() - self._said_at < _QUIET_SECONDS:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more since the last such line)" if self._unsaid else ""
        logger.warning(
            "helm-boundary: a connection from %s is closed, which helm_proxy_protocol_from names: "
            "%s%s",
            client.peername[0],
            why,
            more,
        )
        self._said_at, self._unsaid = time.monotonic(), 0


async def _read_header(reader: asyncio.StreamReader) -> Source | None:
    """Read a header, and nothing of what comes after it."""
    first = await reader.readexactly(proxy_protocol.FIRST)
    if first == proxy_protocol.SIGNATURE:
        fixed = first + await reader.readexactly(proxy_protocol.V2_FIXED - len(first))
        return proxy_protocol.read_v2(
            fixed, await reader.readexactly(proxy_protocol.length_v2(fixed))
        )
    if not first.startswith(proxy_protocol.V1):
        raise HeaderRefused("no PROXY protocol header; have the balancer send one (send-proxy-v2)")
    while not first.endswith(b"\r\n") and len(first) < proxy_protocol.V1_MOST:
        first += await reader.readexactly(1)
    return proxy_protocol.read_v1(first)
