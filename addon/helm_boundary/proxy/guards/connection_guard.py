"""Walls behind the wall: what holds when the boundary's own hooks were never reached."""

from __future__ import annotations

from mitmproxy import connection, tls
from mitmproxy.proxy import layer, layers, mode_specs, server_hooks
from mitmproxy.proxy.layers.http import HTTPMode


class Clearance:
    """Which flows of which client may reach an upstream at this moment."""

    def __init__(self) -> None:
        self._flows: dict[str, dict[str, object]] = {}

    def give(self, client: connection.Client, flow_id: str, fingerprint: object) -> None:
        """The flow has been judged, or is none of ours: it may go on just as it is now."""
        self._flows.setdefault(client.id, {})[flow_id] = fingerprint

    def of(self, client: connection.Client, flow_id: str) -> object | None:
        """The fingerprint of that flow's request when it was cleared; None if it wasn't."""
        return self._flows.get(client.id, {}).get(flow_id)

    def take(self, client: connection.Client, flow_id: str) -> None:
        """The flow is over."""
        flows = self._flows.get(client.id)
        if flows is not None:
            flows.pop(flow_id, None)

    def take_all(self, client: connection.Client) -> set[str]:
        """The client has gone; returns the flows that it left behind."""
        return set(self._flows.pop(client.id, ()))

    def has(self, client: connection.Client, flow_id: str) -> bool:
        """Whether that flow may go on."""
        return flow_id in self._flows.get(client.id, ())

    def has_any(self, client: connection.Client) -> bool:
        """Whether any flow of that client may."""
        return bool(self._flows.get(client.id))


class Walls:
    """The part of the addon that stops connections rather than calls."""

    name = "helmboundarywalls"

    def __init__(self, clearance: Clearance) -> None:
        self._clearance = clearance

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """No connection to an upstream for a client none of whose requests may pass."""
        if isinstance(data.client.proxy_mode, mode_specs.DnsMode):
            return
        if not self._clearance.has_any(data.client):
            data.server.error = "helm-boundary: no request of this client has been let through"

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """No tunnel that we can't look into, whoever asked for one."""
        data.ignore_connection = False

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Bytes that aren't HTTP don't pass as raw TCP."""
        if isinstance(nextlayer.layer, layers.TCPLayer):
            nextlayer.layer = layers.HttpLayer(nextlayer.context, HTTPMode.transparent)
