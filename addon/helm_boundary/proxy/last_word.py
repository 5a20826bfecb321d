"""The last word on a flow, after every addon has had its own.

Any addon can end a hook before it gets to us (AddonHalt), change what we have judged (in `update`,
or while a person edits an intercepted flow), or take us out of the chain. What counts is what
stands when mitmproxy goes on; so it is looked at there.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from mitmproxy import addonmanager, hooks, http
from mitmproxy.proxy.layers.http._hooks import (
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)

logger = logging.getLogger(__name__)


class Certifier(Protocol):
    """What has the last word: each makes a flow safe that its judgement doesn't cover."""

    async def certify_request(self, flow: http.HTTPFlow) -> None: ...

    async def certify_response_headers(self, flow: http.HTTPFlow) -> None: ...

    async def certify_response(self, flow: http.HTTPFlow) -> None: ...


def have_last_word(addons: addonmanager.AddonManager, certifier: Certifier) -> None:
    """Have every flow certified at the end of each hook that lets bytes go on."""
    inner = addons.handle_lifecycle
    certify: dict[type[hooks.Hook], Callable[[http.HTTPFlow], Awaitable[None]]] = {
        HttpRequestHook: certifier.certify_request,
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
