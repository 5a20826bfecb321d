"""The way out through a company's proxy, which doesn't lead to this machine itself."""

from __future__ import annotations

import pytest
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from helm_boundary.proxy.upstream_proxy import Chaining, is_loopback

PROXY: ServerSpec = ("http", ("proxy.example", 3128))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "127.1", "localhost", "LOCALHOST.", "::1", "[::1]"]
)
def test_this_machine_is_reached_directly(host: str) -> None:
    """By every name it has for itself; the request line is a server's."""
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = ProxyMode.parse("upstream:http://proxy.example:3128")
    flow.server_conn.via, flow.server_conn.timestamp_start = PROXY, None
    flow.server_conn.state = flow.server_conn.state.CLOSED
    flow.request.host, flow.request.authority = host, f"{host}:8000"
    Chaining().requestheaders(flow)
    assert is_loopback(host)
    assert flow.server_conn.via is None
    assert not flow.request.authority


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example", "api.openai.com", "128.0.0.1"])
def test_all_else_goes_through_the_proxy(host: str) -> None:
    """A private network may be behind it."""
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = ProxyMode.parse("upstream:http://proxy.example:3128")
    flow.server_conn.via = PROXY
    flow.server_conn.state = flow.server_conn.state.CLOSED
    flow.request.host = host
    Chaining().requestheaders(flow)
    assert not is_loopback(host)
    assert flow.server_conn.via == PROXY
