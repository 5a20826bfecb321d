"""The boundary as an addon: its life, and which part of it each of mitmproxy's hooks is for.

Every hook that could let bytes pass is written so that only an explicit "yes" does: whatever
else happens (an exception, a time-out, a hook that isn't reached), the answer is already DENY.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mitmproxy import connection, ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from helm_boundary.runtime.banner import banner
from helm_boundary.runtime.ca_authority import AuthorityRefused, refuse_foreign_authority
from helm_boundary.runtime.health import Health
from helm_boundary.runtime.health_report import standing
from helm_boundary.runtime.options import Config, ConfigError, add_options, read_config
from helm_boundary.runtime.reload import Reloader
from helm_boundary.runtime.startup import Running, StartError, start
from helm_boundary.runtime.unsafe_options import unsafe_options

from .call_tracker import UnderWay
from .client_presence import Leaving
from .commands import Commands
from .guards.connection_guard import Walls
from .guards.local_guard import LocalGuard
from .guards.mitmweb_guard import Door
from .requests import Requests
from .responses import Responses
from .shutdown import Service
from .ui import Interface, observers
from .unknown_sockets import UnknownSockets
from .websockets import Sockets

logger = logging.getLogger(__name__)


class HelmBoundary:
    """The boundary in mitmproxy's chain."""

    name = "helmboundary"

    def __init__(self) -> None:
        self._running: Running | None = None
        self._config: Config | None = None
        self._under_way = UnderWay()
        self._sockets = Sockets()
        leaving = Leaving()
        self._local = LocalGuard()
        self._requests = Requests(
            self._under_way, leaving.has_gone, self._ready, self._local.refusal_of
        )
        self._responses = Responses(self._under_way, leaving.has_gone, self._sockets)
        self._reloader = Reloader(lambda: self._running, self._swap, self._is_in_use)
        self.addons: list[Any] = [
            Walls(self._under_way.clearance),
            self._local,
            UnknownSockets(self._sockets, self._ready),
            self._sockets,
            leaving,
            Service(self._health, self._stop_waiting),
            Interface(lambda: self._running),
            Door(),
            Commands(lambda: self._running, self._reloader.reload),
        ]

    # -- life of the proxy ---------------------------------------------------------------------

    def load(self, loader: Loader) -> None:
        """Make the options known."""
        add_options(loader)

    def configure(self, updated: Iterable[str]) -> None:
        """Check every option in force, and start once; raises OptionsError to refuse."""
        problems = unsafe_options(ctx.options)
        if problems:
            raise exceptions.OptionsError("unsafe with the boundary: " + "; ".join(problems))
        try:
            config = read_config(ctx.options)
            refuse_foreign_authority(Path(ctx.options.confdir).expanduser())
            if self._running is None:
                self._running = start(config)
            elif config != self._config:
                raise ConfigError("helm_* options can't be changed while the boundary runs")
        except (AuthorityRefused, ConfigError, StartError) as error:
            raise exceptions.OptionsError(str(error)) from None
        self._config = config
        self._local.reach = config.local

    def running(self) -> None:
        """Say where we are, and that nothing stands behind us."""
        self._be_last()
        problems = unsafe_options(ctx.options)
        if problems:  # set behind `configure`, by an addon's own hook; nothing passes from here on
            logger.error("helm-boundary: unsafe, so it ends: %s", "; ".join(problems))
            self.done()
            ctx.master.shutdown()
        self.addons += observers(ctx.master.addons)
        if self._running is not None and self._config is not None:
            self._reloader.start(self._config.deadline_ms)
            # Said last, when signals too are listened to: whoever waits for it may go on then.
            asyncio.get_running_loop().call_soon(self._say_where)
        # What start-up has made stays: a full collection of it would stop every call for 50 ms.
        gc.collect()
        gc.freeze()

    def _say_where(self) -> None:
        if self._running is not None and self._config is not None:
            for line in banner(self._running, self._config, ctx.options, _listening()):
                print(line, flush=True)

    def done(self) -> None:
        """Stop: the recorder says so in a receipt."""
        self._reloader.stop()
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def _stop_waiting(self) -> None:
        if self._running is not None:
            self._running.boundary.desk.stop()

    # -- life of a call ------------------------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """No request body leaves before it is whole."""
        flow.request.stream = False

    async def request(self, flow: http.HTTPFlow) -> None:
        """A request is all there."""
        await self._requests.judge(flow)

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """A response begins."""
        await self._responses.begin(flow)

    async def response(self, flow: http.HTTPFlow) -> None:
        """A response is all there."""
        await self._responses.judge(flow)

    async def error(self, flow: http.HTTPFlow) -> None:
        """An exchange has failed."""
        await self._responses.fail(flow)

    async def client_disconnected(self, client: connection.Client) -> None:
        """A client has gone."""
        await self._under_way.sweep(client)

    def is_certified(self, flow: http.HTTPFlow) -> bool:
        """Whether a request is still what was certified."""
        return self._requests.is_cleared(flow)

    async def certify_request(self, flow: http.HTTPFlow) -> None:
        """The last look at a request."""
        await self._requests.certify(flow)

    async def certify_response_headers(self, flow: http.HTTPFlow) -> None:
        """The last look at how a response streams."""
        await self._responses.certify_begun(flow)

    async def certify_response(self, flow: http.HTTPFlow) -> None:
        """The last look at a response."""
        await self._responses.certify(flow)

    def _ready(self) -> Running | None:
        """The boundary, while it is up and nothing stands behind it in the chain."""
        return self._running if ctx.master.addons.chain[-1] is self else None

    def _swap(self, running: Running) -> None:
        if self._running is not None:
            self._running.boundary.desk.supersede()
        self._running = running

    def _is_in_use(self, running: Running) -> bool:
        return self._under_way.has(running) or self._sockets.uses(running)

    def _health(self, open_calls: int, draining: bool) -> Health | None:
        if self._running is None or self._config is None:
            return None
        return standing(
            self._running,
            self._config,
            ctx.options,
            ctx.master.addons.get("proxyserver").servers,
            sealed=ctx.master.addons.chain[-1] is self,
            open_calls=open_calls,
            draining=draining,
        )

    def _be_last(self) -> None:
        chain = ctx.master.addons.chain
        if chain and chain[-1] is not self and self in chain:
            chain.remove(self)
            chain.append(self)


def _listening() -> list[str]:
    proxyserver = ctx.master.addons.get("proxyserver")
    return [f"{address[0]}:{address[1]}" for address in proxyserver.listen_addrs()]
