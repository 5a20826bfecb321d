"""The mitmproxy adapter: hooks in, values through the boundary, verdicts out.

Every hook that could let bytes pass is written so that only an explicit "yes" does: whatever
else happens (an exception, a time-out, a hook that isn't reached), the answer is already DENY.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from mitmproxy import connection, ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from ..approvals.waiting import AGAIN
from ..calls.call import HttpResponse
from ..calls.refusal import Refusal
from ..enforcement.closed import CLOSED, NO_VERDICT, deny_without_verdict
from ..enforcement.live import Live
from ..enforcement.verdict import Reply
from ..service.banner import banner
from ..service.daemon import Service
from ..service.health import Health
from ..service.options import Config, ConfigError, add_options, read_config
from ..service.reloading import Reloader
from ..service.running import Running, StartError, start
from ..service.standing import standing
from . import exchange
from .commands import Commands
from .hold import PATIENCE, Hold, resumed
from .interface import Interface, observers
from .leaving import Leaving
from .marks import mark
from .safety import unsafe_options
from .sockets import Sockets
from .streams import OursOnly, feed_from
from .walls import Clearance, Walls

logger = logging.getLogger(__name__)

_MAX_CHANGES = 3
ALONE_SECONDS = 0.001
"""A judgement or a sync usually takes less; a call or two that come meanwhile lose no more."""


class HelmBoundary:
    """The boundary in mitmproxy's chain."""

    name = "helmboundary"

    def __init__(self) -> None:
        self._running: Running | None = None
        self._config: Config | None = None
        self._lives: dict[str, Live] = {}
        self._streams: dict[str, object] = {}
        self._released: dict[str, object] = {}
        self._clearance = Clearance()
        self._sockets = Sockets()
        self._leaving = Leaving()
        self._owners: dict[str, Running] = {}
        self._reloader = Reloader(lambda: self._running, self._swap, self._is_in_use)
        self.addons: list[Any] = [
            Walls(self._clearance),
            self._sockets,
            self._leaving,
            Service(self._health, self._stop_waiting),
            Interface(lambda: self._running),
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
            if self._running is None:
                self._running = start(config)
            elif config != self._config:
                raise ConfigError("helm_* options can't be changed while the boundary runs")
        except (ConfigError, StartError) as error:
            raise exceptions.OptionsError(str(error)) from None
        self._config = config

    def running(self) -> None:
        """Say where we are, and that nothing stands behind us."""
        self._be_last()
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

    # -- requests ------------------------------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """No request body leaves before it is whole."""
        flow.request.stream = False

    async def request(self, flow: http.HTTPFlow) -> None:
        """Judge a request; it goes on only if this gets to say so."""
        # Whoever intercepts it may edit it: judge what comes of that.
        await resumed(flow, self._leaving.has_gone)
        if flow.response is not None or flow.error is not None:
            return
        passes = False
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                passes = await self._judge_request(flow, patience)
        except Exception:
            logger.exception("helm-boundary: a request could not be judged, so it is denied")
            await self._abandon(flow, "killed")
        finally:
            if passes:
                self._clearance.give(flow.client_conn, flow.id, exchange.fingerprint(flow))
            else:
                self._lives.pop(flow.id, None)
                self._owners.pop(flow.id, None)
                if flow.response is None and flow.error is None:
                    flow.response = exchange.write_reply(deny_without_verdict(NO_VERDICT))

    async def certify_request(self, flow: http.HTTPFlow) -> None:
        """Nothing leaves that hasn't been cleared, just as it is now."""
        if flow.response is not None or flow.error is not None:
            return
        cleared = self._clearance.of(flow.client_conn, flow.id)
        if cleared is None or cleared != exchange.fingerprint(flow):
            logger.error("helm-boundary: another addon kept a request from its judgement")
            flow.response = exchange.write_reply(deny_without_verdict(CLOSED))
            await self._abandon(flow, "killed")
            self._forget(flow)

    async def _judge_request(self, flow: http.HTTPFlow, patience: asyncio.Timeout) -> bool:
        running = self._running
        if running is None or ctx.master.addons.chain[-1] is not self:
            flow.response = exchange.write_reply(deny_without_verdict(CLOSED))
            return False
        self._owners[flow.id] = running
        hold = self._hold(flow, patience, lambda: exchange.fingerprint(flow), running)
        for _ in range(_MAX_CHANGES):
            judged = exchange.fingerprint(flow)
            live = running.boundary.recognise(exchange.read_request(flow))
            if live is None:
                del self._owners[flow.id]
                return True
            show = partial(mark, flow, live, running.boundary)
            live.park = hold.park(show) if running.holds else None
            live.patience = self._patience()
            reply = await running.boundary.judge_request(live)
            show()
            if reply is AGAIN:
                continue
            if reply is not None:
                self._refuse(flow, reply, running)
                return False
            self._lives[flow.id] = live
            if exchange.fingerprint(flow) == judged and not flow.intercepted:
                exchange.prepare_forwarding(flow.request, live.rewritten)
                return True
            await running.answers.abandon(live, "killed")  # changed meanwhile: judge what it is now
        return False

    def _hold(
        self,
        flow: http.HTTPFlow,
        patience: asyncio.Timeout,
        fingerprint: Callable[[], object],
        running: Running,
    ) -> Hold:
        gone = self._leaving.has_gone
        return Hold(flow, patience, fingerprint, running.hold_seconds, gone)

    def _refuse(self, flow: http.HTTPFlow, reply: Reply, running: Running) -> None:
        if running.kills and not reply.asks:
            flow.kill()
        else:
            flow.response = exchange.write_reply(reply)

    # -- responses -----------------------------------------------------------------------------

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Choose how the response is judged; untouched traffic streams through."""
        live, running = self._lives.get(flow.id), self._owner(flow)
        response = flow.response
        if response is None or running is None:
            return
        if live is None:
            if self._clearance.has(flow.client_conn, flow.id):
                response.stream = True
            return
        response.stream = False
        try:
            way = running.answers.begin(live, exchange.read_response(response, with_body=False))
            if isinstance(way, Refusal):
                await self._refuse_at_headers(flow, live, way, running)
            elif way is not None:
                exchange.add_headers(response, running.boundary.teller.headers(live))
                exchange.make_endless(response)
                response.stream = feed_from(way)
        except Exception:
            logger.exception("helm-boundary: a response could not be begun, so it is denied")
            flow.response = OursOnly(deny_without_verdict(NO_VERDICT)).response()
        finally:
            self._streams[flow.id] = flow.response.stream if flow.response else False

    async def certify_response_headers(self, flow: http.HTTPFlow) -> None:
        """A call's response streams as we have chosen, and where we couldn't, not at all."""
        if flow.id in self._lives and flow.response is not None:
            flow.response.stream = self._streams.get(flow.id, False)  # type: ignore[assignment]

    async def _refuse_at_headers(
        self, flow: http.HTTPFlow, live: Live, refusal: Refusal, running: Running
    ) -> None:
        reply = await running.answers.refuse_response(live, refusal)
        flow.response = OursOnly(reply).response()

    async def response(self, flow: http.HTTPFlow) -> None:
        """Judge a whole response, or close the books on a stream."""
        await resumed(flow, self._leaving.has_gone)
        live = self._lives.get(flow.id)
        running = self._owner(flow)
        if live is None or flow.response is None:
            self._forget(flow)
            return
        upstream = flow.response
        passes = live.gate is not None
        live.patience = self._patience()
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                if running is None:
                    return
                if live.gate is not None:
                    await running.answers.end_stream(live)
                elif isinstance(upstream.stream, OursOnly):
                    upstream.stream.finish(upstream)
                    passes = True
                else:
                    hold = self._hold(flow, patience, lambda: _response(flow), running)
                    passes = await self._judge_response(flow, live, running, hold)
                    if passes and flow.response.status_code == 101:
                        self._sockets.open(flow, live, running)
        except Exception:
            logger.exception("helm-boundary: a response could not be judged, so it is denied")
            await self._abandon(flow, "killed")
        finally:
            if not passes and flow.response is upstream:
                flow.response = exchange.write_reply(deny_without_verdict(NO_VERDICT))
            if flow.response is not None:
                flow.response.trailers = None
                self._released[flow.id] = exchange.response_fingerprint(flow.response)
            if running is not None:
                mark(flow, live, running.boundary)
            self._forget(flow)

    async def certify_response(self, flow: http.HTTPFlow) -> None:
        """Nothing of a call's response is sent that hasn't been released, just as it is now."""
        released = self._released.pop(flow.id, None)
        unjudged = flow.id in self._lives
        if flow.response is None or not (unjudged or released is not None):
            return
        if unjudged or released != exchange.response_fingerprint(flow.response):
            logger.error("helm-boundary: another addon kept a response from its judgement")
            flow.response = exchange.write_reply(deny_without_verdict(CLOSED))
            await self._abandon(flow, "killed")
            self._forget(flow)

    async def _judge_response(
        self, flow: http.HTTPFlow, live: Live, running: Running, hold: Hold
    ) -> bool:
        for _ in range(_MAX_CHANGES):
            if flow.error is not None or flow.response is None:
                await self._abandon(flow, "killed")
                return False
            response, judged = flow.response, _response(flow)
            show = partial(mark, flow, live, running.boundary)
            live.park = hold.park(show) if running.holds else None
            result = await running.answers.judge_response(live, judged)
            if result is not AGAIN:
                break
        else:
            await self._abandon(flow, "killed")
            return False
        if isinstance(result, Reply):
            if running.kills and not result.asks:
                flow.kill()
            flow.response = exchange.write_reply(result)
            return False
        if flow.response is not response or judged != _response(flow) or flow.intercepted:
            return False  # changed while it was judged
        if result.body is not None:
            response.headers.pop("content-encoding", None)
            response.content = result.body
        exchange.add_headers(response, running.boundary.teller.headers(live))
        return True

    # -- ends ----------------------------------------------------------------------------------

    async def error(self, flow: http.HTTPFlow) -> None:
        """The exchange has failed; its outcome says how."""
        await self._abandon(flow, _end_of(flow))
        self._forget(flow)

    async def client_disconnected(self, client: connection.Client) -> None:
        """Sweep what the client left without any other hook having told us."""
        for flow_id in self._clearance.take_all(client):
            live, running = self._lives.pop(flow_id, None), self._owners.pop(flow_id, None)
            self._streams.pop(flow_id, None)
            self._released.pop(flow_id, None)
            if live is not None and running is not None:
                await running.answers.abandon(live, "client_gone")

    async def _abandon(self, flow: http.HTTPFlow, end: str) -> None:
        live, running = self._lives.get(flow.id), self._owner(flow)
        if live is None or running is None:
            return
        try:
            await running.answers.abandon(live, end)
            mark(flow, live, running.boundary)
        except Exception:
            logger.exception("helm-boundary: an outcome could not be written")

    def _patience(self) -> float:
        """How long a call may keep the loop to itself, in seconds: not at all beside others."""
        return ALONE_SECONDS if len(self._owners) == 1 else 0.0

    def _owner(self, flow: http.HTTPFlow) -> Running | None:
        """The boundary that a call began under, whatever the policy is now."""
        return self._owners.get(flow.id, self._running)

    def _swap(self, running: Running) -> None:
        self._running = running

    def _is_in_use(self, running: Running) -> bool:
        return running in self._owners.values() or self._sockets.uses(running)

    def _forget(self, flow: http.HTTPFlow) -> None:
        self._lives.pop(flow.id, None)
        self._owners.pop(flow.id, None)
        self._streams.pop(flow.id, None)
        self._clearance.take(flow.client_conn, flow.id)

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


def _response(flow: http.HTTPFlow) -> HttpResponse:
    """The flow's whole response as it is now."""
    if flow.response is None:
        return HttpResponse(0, ())
    return exchange.read_response(flow.response, with_body=True)


def _listening() -> list[str]:
    proxyserver = ctx.master.addons.get("proxyserver")
    return [f"{address[0]}:{address[1]}" for address in proxyserver.listen_addrs()]


def _end_of(flow: http.HTTPFlow) -> str:
    message = flow.error.msg if flow.error else ""
    if message == "Connection killed.":
        return "killed"
    if not flow.client_conn.state & connection.ConnectionState.CAN_READ:
        return "client_gone"
    return "upstream_error"
