"""Who a client is, where a balancer stands in between and says so by the PROXY protocol.

mitmproxy doesn't read it (its issue 4776). It is read here, before mitmproxy's first layer and the
hook `client_connected`, so that everything after has the client's own address. From addresses that
nobody named it isn't read: what they send is theirs, and is taken for what it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mitmproxy import connection
from mitmproxy.proxy import server
from mitmproxy.utils import human

type Meet = Callable[[connection.Client, asyncio.StreamReader], Awaitable[bool]]
"""Reads what comes before a client's own bytes; False where the connection must be closed."""

_handle = server.ConnectionHandler.handle_client


def meet_clients(meet: Meet) -> None:
    """Have `meet` look at every TCP connection before mitmproxy does."""

    async def handle_client(handler: server.ConnectionHandler) -> None:
        transport = handler.transports[handler.client]
        if not isinstance(transport.reader, asyncio.StreamReader):  # datagrams, and tunnels
            await _handle(handler)
        elif await meet(handler.client, transport.reader):
            if hasattr(handler, "log_prefix"):
                handler.log_prefix = f"{human.format_address(handler.client.peername)}: "
            await _handle(handler)
        else:
            handler.transports.pop(handler.client)
            assert transport.writer is not None  # noqa: S101 - what is read can be written
            transport.writer.close()

    server.ConnectionHandler.handle_client = handle_client  # type: ignore[method-assign,assignment]
