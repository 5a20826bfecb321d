"""The last look at a flow, after every addon has had its turn.

Any addon can end a hook before it gets to us (AddonHalt), change what we have judged (in `update`,
or while a person edits an intercepted flow), or take us out of the chain. What counts is what
stands when mitmproxy goes on; so it is looked at there, and once more when the upstream is
connected: mitmproxy takes a request's bytes only then, and other code has run meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mitmproxy import addonmanager, connection, hooks, http
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._hooks import (
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)

logger = logging.getLogger(__name__)
_connect = HttpStream.make_server_connection


class Certifier(Protocol):
    """The one with the last word: each makes a flow safe that its judgement doesn't cover."""

    def is_certified(self, flow: http.HTTPFlow) -> bool:
        """Tell whether a request is still what was certified."""
        ...

    def connects(self, flow: http.HTTPFlow, client: connection.Client) -> None:
        """Note for which client a flow's upstream is connected: a replayed flow keeps its own."""
        ...

    async def certify_request(self, flow: http.HTTPFlow) -> None:
        """Deny a request that isn't what was judged."""
        ...

    async def certify_response_headers(self, flow: http.HTTPFlow) -> None:
        """Have a response stream as its judgement wants it."""
        ...

    async def certify_response(self, flow: http.HTTPFlow) -> None:
        """Deny a response that isn't what was judged."""
        ...


@dataclass
class HelmLastLookHook(commands.StartHook):
    """A request has changed while its upstream was connected."""

    flow: http.HTTPFlow


def have_last_word(addons: addonmanager.AddonManager, certifier: Certifier) -> None:
    """Have every flow certified at the end of each hook that lets bytes go on."""
    inner = addons.handle_lifecycle
    certify: dict[type[hooks.Hook], Callable[[http.HTTPFlow], Awaitable[None]]] = {
        HttpRequestHook: certifier.certify_request,
        HelmLastLookHook: certifier.certify_request,
        HttpResponseHeadersHook: certifier.certify_response_headers,
        HttpResponseHook: certifier.certify_response,
    }

    async def handle_lifecycle(event: hooks.Hook) -> None:
        check = certify.get(type(event))
        if check is None:
            await inner(event)
            return
        try:
            await inner(event)
        except Exception:  # an OptionsError in a hook gets through mitmproxy's own net
            logger.exception("helm-boundary: an addon failed in %s", event.name)
        (flow,) = event.args()
        await flow.wait_for_resume()
        await check(flow)

    addons.handle_lifecycle = handle_lifecycle  # type: ignore[method-assign]
    _look_again(certifier)


def _look_again(certifier: Certifier) -> None:
    """Have mitmproxy's stream answer, not send, a request that isn't what was certified."""

    def make_server_connection(stream: HttpStream) -> layer.CommandGenerator[bool]:
        certifier.connects(stream.flow, stream.context.client)
        connected = yield from _connect(stream)
        if not connected or certifier.is_certified(stream.flow):
            return connected
        yield HelmLastLookHook(stream.flow)
        response: Any = stream.flow.response
        if (yield from stream.check_killed(True)):
            return False
        if response is None:  # it has changed back
            return certifier.is_certified(stream.flow)
        # From here on as in HttpStream.state_consume_request_body.
        response.timestamp_start = time.time()
        yield HttpResponseHeadersHook(stream.flow)
        if not (yield from stream.check_killed(True)):
            yield from stream.send_response()
        return False

    HttpStream.make_server_connection = make_server_connection  # type: ignore[assignment,method-assign]
