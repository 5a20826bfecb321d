"""For stock mitmdump: pass streams on as they come, where it would wait for their end."""

from __future__ import annotations

from mitmproxy import http


def responseheaders(flow: http.HTTPFlow) -> None:
    if flow.response and flow.response.headers.get("content-type") == "text/event-stream":
        flow.response.stream = True
