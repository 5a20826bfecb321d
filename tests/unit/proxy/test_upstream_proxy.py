"""The way out through a company's proxy, which doesn't lead to this machine itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from mitmproxy import http
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons, tflow

from helm_boundary.proxy.upstream_proxy import Chaining, is_loopback

MODE = "upstream:http://proxy.example:3128"
PROXY: ServerSpec = ("http", ("proxy.example", 3128))


def leave(flow: http.HTTPFlow, *exceptions: str) -> None:
    """Have a way out chosen for a request, where a company's proxy is named and hosts excepted."""
    with taddons.context() as context:
        context.options.add_option("helm_no_proxy", Sequence[str], [*exceptions], "")
        context.options.mode = [MODE]
        Chaining().requestheaders(flow)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "127.1", "localhost", "LOCALHOST.", "::1", "[::1]"]
)
def test_this_machine_is_reached_directly(host: str) -> None:
    """By every name it has for itself; the request line is a server's."""
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = ProxyMode.parse(MODE)
    flow.server_conn.via, flow.server_conn.timestamp_start = PROXY, None
    flow.server_conn.state = flow.server_conn.state.CLOSED
    flow.request.host, flow.request.authority = host, f"{host}:8000"
    leave(flow)
    assert is_loopback(host)
    assert flow.server_conn.via is None
    assert not flow.request.authority


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example", "api.openai.com", "128.0.0.1"])
def test_all_else_goes_through_the_proxy(host: str) -> None:
    """A private network may be behind it."""
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = ProxyMode.parse(MODE)
    flow.server_conn.via = PROXY
    flow.server_conn.state = flow.server_conn.state.CLOSED
    flow.request.host = host
    leave(flow)
    assert not is_loopback(host)
    assert flow.server_conn.via == PROXY


def test_hosts_that_are_excepted_are_reached_directly() -> None:
    """As NO_PROXY names them."""
    for host, via in (("llm.corp", None), ("api.openai.com", PROXY)):
        flow = tflow.tflow()
        flow.client_conn.proxy_mode = ProxyMode.parse(MODE)
        flow.server_conn.via = PROXY
        flow.server_conn.state = flow.server_conn.state.CLOSED
        flow.request.host = host
        leave(flow, "corp")
        assert flow.server_conn.via == via
