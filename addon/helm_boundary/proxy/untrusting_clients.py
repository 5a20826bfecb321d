"""Clients that don't trust the boundary's authority: their calls fail before there is any."""

from __future__ import annotations

from collections import deque

from mitmproxy import tls

from helm_boundary.runtime.health import Untrusting

_KEPT = 64


class UntrustingClients:
    """The part of the addon that remembers the newest handshakes that clients broke off."""

    name = "helmboundaryuntrusting"

    def __init__(self) -> None:
        self._count = 0
        self._newest: deque[Untrusting] = deque(maxlen=_KEPT)

    def newest(self) -> tuple[Untrusting, ...]:
        """Return the newest, oldest first; their numbers tell how many there were."""
        return tuple(self._newest)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Remember a client that broke off its handshake with us."""
        client = data.context.client
        if not data.conn.error or client.peername is None or "trust" not in data.conn.error:
            return  # e.g. one that offers no version of TLS that we speak
        self._count += 1
        host = client.sni or (data.context.server.address or ("",))[0]
        self._newest.append(Untrusting(self._count, client.peername[1], host))
