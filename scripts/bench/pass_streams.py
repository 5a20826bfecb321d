"""A script for stock mitmdump that passes streams on as they come, instead of collecting them."""

from __future__ import annotations

from mitmproxy import http


def responseheaders(flow: http.HTTPFlow) -> None:
    """Pass an event stream on."""
    if flow.response and flow.response.headers.get("content-type") == "text/event-stream":
        flow.response.stream = True
