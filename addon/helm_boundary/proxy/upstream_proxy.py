"""The way out through a company's proxy.

mitmproxy's reverse mode connects directly. Where a listener in upstream mode stands beside it, as
`helm-boundary exec --base-url` starts them in an environment with a proxy of its own, that proxy
is the way out for both. What is on this machine's own loopback (a local model, an MCP server) no
proxy can reach: that is connected to directly.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from mitmproxy import ctx, http
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.proxy import mode_specs

from helm_boundary.calls.hosts import canonical_host


class Chaining:
    """The part of the addon that says by which proxy requests leave."""

    name = "helmboundarychaining"

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Name the proxy in between, before anything is connected."""
        mode = flow.client_conn.proxy_mode
        if isinstance(mode, mode_specs.UpstreamMode) and is_loopback(flow.request.host):
            if not flow.server_conn.connected:
                flow.server_conn.via = None
                flow.request.authority = ""  # a server's request line names no host, a proxy's does
        elif isinstance(mode, mode_specs.ReverseMode):
            proxy = upstream_proxy(ctx.options.mode)
            if proxy is not None and not flow.server_conn.connected:
                flow.server_conn.via = proxy


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
