"""mitmproxy's own error pages, in the form that API clients read.

When an upstream refuses, resets or never answers, mitmproxy writes the response itself, past every
hook, as an HTML page. Clients of an API look for an error object, so that is what they get. The
functions are mitmproxy's (12.2: `proxy.layers.http._base.format_error` and its users); where a
later version has others, its own pages stay.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _http1, _http2, _http3

logger = logging.getLogger(__name__)


_UNTRUSTED = (
    "; where an authority of yours signs for the server, name its file to the boundary "
    "(--set ssl_verify_upstream_trusted_ca=FILE, or SSL_CERT_FILE before helm-boundary exec)"
)
_QUOTED = re.compile(r"""b?(["']).*\1""", re.DOTALL)


def error_page(status: int, message: str) -> bytes:
    """Write the error object for a failure of the proxy or its upstream, as JSON.

    Of an upstream's failure nothing is quoted: mitmproxy cites what it couldn't parse, and that is
    an answer which nobody has judged.
    """
    if "ertificate verify failed" in message:
        message += _UNTRUSTED
    shown = _QUOTED.sub("(left out)", message) if status >= 500 else message
    told = {
        "message": f"helm-boundary could not complete this call: {shown}",
        "type": "helm_proxy_error",
        "param": None,
        "code": "UPSTREAM_UNAVAILABLE" if status >= 500 else "BAD_REQUEST",
    }
    return json.dumps({"error": told}).encode("ascii")


def error_response(status_code: int, message: str = "") -> bytes:
    """Write the error object as a whole HTTP/1.1 response that closes its connection."""
    headers = http.Headers(content_type="application/json", connection="close")
    response = http.Response.make(status_code, error_page(status_code, message), headers)
    return bytes(http1.assemble_response(response))


def replace_error_pages() -> None:
    """Have mitmproxy write error objects for HTML pages; safe to call again."""
    _replace(_http1, "make_error_response", error_response)
    for module in (_http1, _http2, _http3):
        _replace(module, "format_error", error_page)


def _replace(module: object, name: str, function: Callable[[int, str], bytes]) -> None:
    if hasattr(module, name):
        setattr(module, name, function)
    else:
        logger.info("helm-boundary: this mitmproxy keeps its own error pages (no %s)", name)
