"""The boundary as an addon: its life, and which part of it each of mitmproxy's hooks is for.

Every hook that could let bytes pass is written so that only an explicit "yes" does: whatever
else happens (an exception, a time-out, a hook that isn't reached), the answer is already DENY.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mitmproxy import connection, ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from helm_boundary.calls.hosts import authority
from helm_boundary.enforcement.page_origin import with_page
from helm_boundary.runtime.banner import banner
from helm_boundary.runtime.ca_authority import AuthorityRefused, refuse_foreign_authority
from helm_boundary.runtime.current_boundary import CurrentBoundary
from helm_boundary.runtime.health import Health
from helm_boundary.runtime.health_report import standing
from helm_boundary.runtime.options import Config, ConfigError, add_options, read_config
from helm_boundary.runtime.own_listeners import noted_ports
from helm_boundary.runtime.process_place import Place
from helm_boundary.runtime.reload import Reloader
from helm_boundary.runtime.startup import Running, StartError
from helm_boundary.runtime.unsafe_options import unsafe_options

from .balancers import Balancers
from .call_tracker import CallTracker
from .client_presence import Leaving
from .commands import Commands
from .companions import Companions
from .guards.connection_guard import Walls
from .guards.local_guard import LocalGuard
from .guards.mitmweb_guard import Door
from .memory import BodyMemory
from .observing import Observing
from .patches.upload_turns import UploadTurns
from .presence import Presence
from .requests import Requests
from .responses import Responses
from .shutdown import Service
from .socket_closes import SocketCloses
from .ui import Interface, observers
from .unknown_sockets import UnknownSockets
from .untrusting_clients import UntrustingClients
from .websockets import Sockets

logger = logging.getLogger(__name__)

GARBAGE = (2_000, 20, 20)
"""Objects made between two looks for garbage, and looks between two at older objects."""


class HelmBoundary:
    """The boundary in mitmproxy's chain."""

    name = "helmboundary"

    def __init__(self) -> None:
        self._current = CurrentBoundary()
        self._config: Config | None = None
        self._tracker = CallTracker()
        leaving = Leaving()
        self._sockets = Sockets(leaving.has_gone)
        self._local = LocalGuard()
        self._balancers = Balancers()
        self._untrusting = UntrustingClients()
        self._memory = BodyMemory()
        self._requests = Requests(
            self._tracker, leaving.has_gone, self._ready, self._local.refusal_of
        )
        self._responses = Responses(self._tracker, leaving, self._sockets)
        self._reloader = Reloader(self._current, self._is_in_use)
        service = Service(self._health, self._current, self._health_address)
        self.addons: list[Any] = [
            Walls(self._tracker.may_connect),
            self._local,
            self._untrusting,
            self._memory,
            UnknownSockets(self._sockets, self._ready),
            self._sockets,
            SocketCloses(self._sockets, self._ready),
            leaving,
            service,
            Presence(service.seen, lambda: self._config),
            Interface(self._current),
            Door(self._pages),
            Observing(lambda: self._config, self._current, self._is_call),
            Companions(lambda: self._config, self._current),
            Commands(self._current, self._reloader.reload),
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
            if self._current.running is None:
                self._current.start(config)
                atexit.register(self.done)  # mitmproxy --options exits without the hook
            elif config != self._config:
                raise ConfigError("helm_* options can't be changed while the boundary runs")
        except (AuthorityRefused, ConfigError, StartError) as error:
            raise exceptions.OptionsError(str(error)) from None
        self._config = config
        self._local.reach = config.local
        self._balancers.networks = config.balancers

    def running(self) -> None:
        """Move behind every other addon, start to watch the policy, and print where we listen."""
        self._be_last()
        problems = unsafe_options(ctx.options)
        if problems:  # set behind `configure`, by an addon's own hook; nothing passes from here on
            logger.error("helm-boundary: unsafe, so it ends: %s", "; ".join(problems))
            self.done()
            ctx.master.shutdown()
        self.addons += observers(ctx.master.addons)
        if self._current.running is not None and self._config is not None:
            self._reloader.start(self._config.deadline_ms)
            # Said last, when signals too are listened to: whoever waits for it may go on then.
            asyncio.get_running_loop().call_soon(self._say_where)
        # What start-up has made stays: a full collection of it would stop every call for 50 ms.
        gc.collect()
        gc.freeze()
        # Afterwards few objects are old, so that a large body would have all of its own looked at
        # again and again.
        gc.set_threshold(*GARBAGE)

    def _say_where(self) -> None:
        if self._current.running is not None and self._config is not None:
            lines = banner(self._current.running, self._config, ctx.options, _listening())
            place = Place.own()
            for line in lines if place is None or place.number == 1 else lines[:1]:
                print(line, flush=True)

    def done(self) -> None:
        """Stop: the recorder says so in a receipt."""
        self._reloader.stop()
        self._current.close()

    # -- life of a call ------------------------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Keep the request's body until it is complete."""
        flow.request.stream = False

    async def request(self, flow: http.HTTPFlow) -> None:
        """Judge a request that is complete."""
        await self._requests.judge(flow)

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Choose how a response is judged, now that its headers are there."""
        await self._responses.begin(flow)

    async def response(self, flow: http.HTTPFlow) -> None:
        """Judge a response that is complete."""
        await self._responses.judge(flow)

    async def error(self, flow: http.HTTPFlow) -> None:
        """End a call that has failed, also one that was killed before its body came."""
        await self._requests.note_killed(flow)
        await self._responses.fail(flow)

    async def client_disconnected(self, client: connection.Client) -> None:
        """End the calls of a client that has disconnected."""
        await self._tracker.sweep(client)

    def headers_of(self, flow: http.HTTPFlow) -> tuple[tuple[str, str], ...]:
        """Return the headers of an answer of ours to a call that failed; none without a call."""
        call = self._tracker.forwarded(flow)
        if call is None:
            return ()
        told = call.running.boundary.teller.headers(call.exchange)
        return with_page(told, call.exchange.request.header("origin"))

    def is_certified(self, flow: http.HTTPFlow) -> bool:
        """Tell whether a request is still what was certified; if so it leaves now."""
        is_cleared = self._requests.is_cleared(flow)
        if is_cleared and (call := self._tracker.forwarded(flow)) is not None:
            call.running.boundary.note_leaving(call.exchange)
        return is_cleared

    def has_open_call(self, client: connection.Client) -> bool:
        """Tell whether a client waits for an answer, or has a session."""
        return self._tracker.may_connect(client) or self._sockets.serves(client)

    @property
    def upload_turns(self) -> UploadTurns:
        """The turns of large uploads."""
        return self._memory.turns

    async def meet(self, client: connection.Client, reader: asyncio.StreamReader) -> bool:
        """Read what a balancer says of a client; False where the connection must be closed."""
        return await self._balancers.meet(client, reader)

    def connects(self, flow: http.HTTPFlow, client: connection.Client) -> None:
        """Note for which client an upstream is connected."""
        self._tracker.connect(flow, client)

    async def certify_request(self, flow: http.HTTPFlow) -> None:
        """Take the last look at a request."""
        await self._requests.certify(flow)

    async def certify_response_headers(self, flow: http.HTTPFlow) -> None:
        """Take the last look at how a response streams."""
        await self._responses.certify_begun(flow)

    async def certify_response(self, flow: http.HTTPFlow) -> None:
        """Take the last look at a response."""
        await self._responses.certify(flow)

    def _pages(self) -> set[int]:
        return set() if self._config is None else noted_ports(self._config.state)

    def _ready(self) -> Running | None:
        """Return the boundary while it runs and no addon comes after it in the chain."""
        return self._current.running if self._is_last() else None

    def _is_last(self) -> bool:
        return ctx.master.addons.chain[-1] is self

    def _is_in_use(self, running: Running) -> bool:
        return self._tracker.uses(running) or self._sockets.uses(running)

    def _health(self, open_calls: int, draining: bool) -> Health | None:
        running = self._current.running
        if running is None or self._config is None:
            return None
        return standing(
            running,
            self._config,
            ctx.options,
            ctx.master.addons.get("proxyserver").servers,
            sealed=self._is_last(),
            open_calls=open_calls,
            draining=draining,
            untrusting=self._untrusting.newest(),
            observation=self._current.observation,
        )

    def _is_call(self, flow: http.HTTPFlow) -> bool:
        """Tell whether a WebSocket is governed: by its handshake, or by what was said in it."""
        has_receipt = flow.response is not None and "x-helm-receipt-id" in flow.response.headers
        return has_receipt or self._sockets.operation_of(flow) is not None

    def _health_address(self) -> tuple[str, int] | None:
        return None if self._config is None else self._config.health

    def _be_last(self) -> None:
        chain = ctx.master.addons.chain
        if chain and chain[-1] is not self and self in chain:
            chain.remove(self)
            chain.append(self)


def _listening() -> list[str]:
    proxyserver = ctx.master.addons.get("proxyserver")
    return [authority(*address[:2]) for address in proxyserver.listen_addrs()]
