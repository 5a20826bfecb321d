"""The way out behind a company's proxy.

mitmproxy's reverse mode connects directly. Where a listener in upstream mode stands beside it, as
`helm-boundary exec --base-url` starts them in an environment with a proxy of its own, that proxy
is the way out for both. And its upstream mode sends everything to that proxy, which refuses what
programs reach without it: the hosts in NO_PROXY, which `helm_no_proxy` names here, and what speaks
plain HTTP on this machine's own loopback (a local model, an MCP server).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from mitmproxy import connection, ctx, http
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.proxy import mode_specs

from helm_boundary.calls.hosts import canonical_host
from helm_boundary.calls.proxy_exceptions import exception_for


class Chaining:
    """The part of the addon that says by which proxy requests leave, if by one."""

    name = "helmboundarychaining"

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Name the proxy in between, or none, before anything is connected."""
        proxy = upstream_proxy(ctx.options.mode)
        if proxy is None:
            return
        if _is_direct(flow.request):
            # The connection that there is belongs to all that this client asks.
            flow.server_conn = connection.Server(address=flow.server_conn.address)
            if not flow.request.is_http2:
                flow.request.authority = ""  # a server's request line names no host, a proxy's does
        elif not flow.server_conn.connected and _is_reverse(flow):
            flow.server_conn.via = proxy


def _is_direct(request: http.Request) -> bool:
    """Tell whether a request reaches its server without the proxy in between."""
    if request.scheme == "http" and is_loopback(request.host):
        return True
    return exception_for(ctx.options.helm_no_proxy, request.host, request.port) is not None


def _is_reverse(flow: http.HTTPFlow) -> bool:
    return isinstance(flow.client_conn.proxy_mode, mode_specs.ReverseMode)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine itself (RFC 6761 section 6.3, RFC 1122, RFC 4291)."""
    name = canonical_host(host)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def upstream_proxy(modes: Sequence[str]) -> ServerSpec | None:
    """Return the proxy that a mode such as `upstream:http://proxy:3128` names, or None."""
    for spec in modes:
        mode = mode_specs.ProxyMode.parse(spec)
        if isinstance(mode, mode_specs.UpstreamMode):
            return mode.scheme, mode.address
    return None
