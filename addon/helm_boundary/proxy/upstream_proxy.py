"""Reverse listeners behind a company's proxy.

mitmproxy's reverse mode connects directly. Where a listener in upstream mode stands beside it, as
`helm-boundary exec --base-url` starts them in an environment with a proxy of its own, that proxy
is the way out for both.
"""

from __future__ import annotations

from collections.abc import Sequence

from mitmproxy import ctx, http
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.proxy import mode_specs


class Chaining:
    """The part of the addon that says by which proxy a reverse listener's requests leave."""

    name = "helmboundarychaining"

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Name the proxy in between, before anything is connected."""
        if isinstance(flow.client_conn.proxy_mode, mode_specs.ReverseMode):
            proxy = upstream_proxy(ctx.options.mode)
            if proxy is not None and not flow.server_conn.connected:
                flow.server_conn.via = proxy


def upstream_proxy(modes: Sequence[str]) -> ServerSpec | None:
    """Return the proxy that a mode such as `upstream:http://proxy:3128` names, or None."""
    for spec in modes:
        mode = mode_specs.ProxyMode.parse(spec)
        if isinstance(mode, mode_specs.UpstreamMode):
            return mode.scheme, mode.address
    return None
