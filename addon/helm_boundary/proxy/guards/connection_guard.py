"""The guard of connections, which holds where the boundary's own hooks were never reached."""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import connection, tls
from mitmproxy.proxy import layer, layers, mode_specs, server_hooks
from mitmproxy.proxy.layers.http import HTTPMode

_PREFACE = b"PRI * HTTP/2.0\r\n"


class Walls:
    """The part of the addon that stops connections rather than calls.

    `may_connect` tells whether any request of a client has been cleared.
    """

    name = "helmboundarywalls"

    def __init__(self, may_connect: Callable[[connection.Client], bool]) -> None:
        self._may_connect = may_connect

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse a connection to an upstream for a client none of whose requests was cleared."""
        if isinstance(data.client.proxy_mode, mode_specs.DnsMode):
            return
        if not self._may_connect(data.client):
            data.server.error = "helm-boundary: no request of this client has been let through"

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Intercept every TLS connection, whoever asked for a tunnel past us."""
        data.ignore_connection = False

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Give bytes that aren't HTTP to the HTTP layer, which refuses them, not to raw TCP.

        A client that begins HTTP/2 at once, without TLS (RFC 9113 section 3.3), is one of HTTP/2.
        """
        client = nextlayer.context.client
        if client.alpn is None and nextlayer.data_client().startswith(_PREFACE):
            client.alpn = b"h2"
        if isinstance(nextlayer.layer, layers.TCPLayer):
            nextlayer.layer = layers.HttpLayer(nextlayer.context, HTTPMode.transparent)
