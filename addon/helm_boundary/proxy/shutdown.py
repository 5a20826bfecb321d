"""The boundary as a service: health, messages to systemd, and a stop that lets open calls end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from mitmproxy import connection, ctx, exceptions, http

from helm_boundary.runtime.current_boundary import CurrentBoundary
from helm_boundary.runtime.health import Health, HealthSocket
from helm_boundary.runtime.health_endpoint import HealthEndpoint, Standing, standing_of
from helm_boundary.runtime.process_place import Place, watch_parent
from helm_boundary.runtime.systemd import notify, reloading

from .signals import take_signals
from .upstream_proxy import Chaining

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 20.0
"""Longest that a stop waits for open calls."""

_POLL = 0.05
_LAST_BYTES = 0.1


class OpenExchanges:
    """HTTP exchanges that have begun and not ended, by client."""

    def __init__(self) -> None:
        self._flows: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._flows.values()))

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Count an exchange that begins."""
        self._flows.setdefault(flow.client_conn.id, set()).add(flow.id)

    def response(self, flow: http.HTTPFlow) -> None:
        """Drop an exchange that was answered, to the end of its stream."""
        self._flows.get(flow.client_conn.id, set()).discard(flow.id)

    def error(self, flow: http.HTTPFlow) -> None:
        """Drop an exchange that has failed."""
        self._flows.get(flow.client_conn.id, set()).discard(flow.id)

    def client_disconnected(self, client: connection.Client) -> None:
        """Drop all exchanges of a client that has disconnected."""
        self._flows.pop(client.id, None)


class Service:
    """The part of the addon that tells others how the boundary is, and ends it in good order.

    `look` gives the health with how many exchanges are open and whether it is stopping, or None
    while the boundary isn't up; `address` is where it is told over HTTP, if anywhere.
    """

    name = "helmboundaryservice"

    def __init__(
        self,
        look: Callable[[int, bool], Health | None],
        current: CurrentBoundary,
        address: Callable[[], tuple[str, int] | None],
    ) -> None:
        self._address = address
        self._look = look
        self._current = current
        self._open = OpenExchanges()
        self._draining: asyncio.Task[None] | None = None
        self._health: HealthSocket | None = None
        self._endpoint: HealthEndpoint | None = None
        self._announcing: asyncio.Task[None] | None = None
        self.addons = [self._open, Chaining()]

    def running(self) -> None:
        """Open the health socket, take SIGTERM and SIGHUP, say to systemd that we are ready."""
        health = self.seen()
        if health is None:
            return
        loop = asyncio.get_running_loop()
        take_signals(loop, self.stop, reload_policy)
        if Place.own() is not None:
            watch_parent(loop, self.stop)
        self._health = HealthSocket(Path(health.state), lambda: self.seen() or health)
        self._announcing = loop.create_task(self._announce(self._health))

    def stop(self) -> None:
        """Take no new connections, let open calls end, then shut down; at once when said twice."""
        if self._draining is not None:
            self._draining.cancel()
            ctx.master.shutdown()
            return
        notify("STOPPING=1")
        self._current.stop_waiting()
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    def done(self) -> None:
        """Close the health socket."""
        if self._health is not None:
            self._health.close()
        if self._endpoint is not None:
            self._endpoint.close()

    def seen(self) -> Health | None:
        """Return how the boundary is now; None while it isn't up."""
        return self._look(len(self._open), self._draining is not None)

    async def _announce(self, health: HealthSocket) -> None:
        try:
            await health.open()
        except (OSError, AttributeError, NotImplementedError) as error:
            logger.warning("helm-boundary: no health socket: %s", error)
        address = self._address()
        if address is not None and Place.own() is None:  # else the parent answers for all
            self._endpoint = HealthEndpoint(address, self._stands)
            try:
                await self._endpoint.open()
            except OSError as error:
                logger.error("helm-boundary: helm_health: can't listen there: %s", error)
        notify("READY=1")

    async def _stands(self) -> Standing:
        health = self.seen()
        return standing_of([] if health is None else [health])

    async def _drain(self) -> None:
        try:
            ctx.options.update(server=False)
            deadline = time.monotonic() + DRAIN_SECONDS
            while len(self._open) and time.monotonic() < deadline:
                await asyncio.sleep(_POLL)
            await asyncio.sleep(_LAST_BYTES)  # the last answer is still on its way to its client
        finally:  # whatever fails: a console without its terminal can't draw that an option changed
            ctx.master.shutdown()


def reload_policy() -> None:
    """Do what the command `helm.policy.reload` does, and log how it went."""
    notify(reloading())
    try:
        logger.info("helm-boundary: %s", ctx.master.commands.call("helm.policy.reload"))
    except exceptions.CommandError as error:
        logger.error("helm-boundary: the policy in force stays: %s", error)
    notify("READY=1")
