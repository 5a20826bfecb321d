"""The part of the addon that follows an emergency: observe for a time, then enforce again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from mitmproxy import ctx, http

from helm_boundary.runtime.current_boundary import CurrentBoundary
from helm_boundary.runtime.disk_space import DiskSpace
from helm_boundary.runtime.observation import Observation
from helm_boundary.runtime.options import Config
from helm_boundary.runtime.startup import Running
from helm_receipts.envelope.statement import Draft
from helm_receipts.errors import ReceiptError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5


class Observing:
    """Looks twice a second at what people said, and at the disk."""

    name = "helmboundaryobserving"

    def __init__(
        self,
        config: Callable[[], Config | None],
        current: CurrentBoundary,
        is_call: Callable[[http.HTTPFlow], bool],
    ) -> None:
        self._config = config
        self._current = current
        self._is_call = is_call
        self._sockets: dict[str, http.HTTPFlow] = {}
        """WebSockets that began in an emergency: they may last for hours."""
        self._task: asyncio.Task[None] | None = None
        self._was_low = False

    def running(self) -> None:
        """Begin to look."""
        if self._config() is not None and self._current.running is not None:
            self._task = asyncio.get_running_loop().create_task(self._look())

    def done(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        """Note a session that begins while nothing is enforced."""
        if self._current.running is not None and self._current.running.observes:
            self._sockets[flow.id] = flow

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Forget a session that has ended."""
        self._sockets.pop(flow.id, None)

    async def _look(self) -> None:
        try:
            while True:
                await self._follow()
                self._warn()
                await asyncio.sleep(LOOK_SECONDS)
        except Exception:
            logger.exception("helm-boundary: what people said can't be looked at")
            raise
        finally:  # whatever ends it: nobody would end the emergency
            self._enforce()

    async def _follow(self) -> None:
        running, config = self._current.running, self._config()
        if running is None or config is None or config.mode == "observe":
            return
        said = await asyncio.to_thread(Observation.read, running.orders)
        if (running := self._current.running) is None:  # it has ended, or has another policy
            return
        self._current.observation = said
        if (said is not None) == running.observes:
            return
        if said is None:
            self._enforce()
            await _record(running, {"kind": "enforced"})
            logger.warning("helm-boundary: verdicts take effect again")
        elif await _record(running, _event(said)):
            self._current.swap(running.in_mode("observe"))
            logger.warning(
                "helm-boundary: observing for %.0f s, nothing is enforced: %s said so: %s",
                said.seconds_left,
                said.by,
                said.why,
            )

    def _enforce(self) -> None:
        running, config = self._current.running, self._config()
        if running is not None and config is not None and running.observes:
            self._current.swap(running.in_mode(config.mode))
            for flow in filter(self._is_call, self._sockets.values()):
                _close(flow)  # its client connects again, and is judged
            self._sockets.clear()

    def _warn(self) -> None:
        """Say once that the disk is nearly full, and once that it isn't any more."""
        running = self._current.running
        space = DiskSpace.of(running.state) if running is not None else None
        if running is None or space is None or space.is_low == self._was_low:
            return
        self._was_low = space.is_low
        if space.is_low:
            logger.warning(
                "helm-boundary: the disk of %s is nearly full (%s): without room for receipts "
                "every call is denied; make some, or see receipts archive",
                running.state,
                space,
            )
        else:
            logger.info("helm-boundary: the disk of %s has room again (%s)", running.state, space)


def _close(flow: http.HTTPFlow) -> None:
    """Close a client's connection, as mitmproxy does with one that was silent for too long."""
    handler = ctx.master.addons.get("proxyserver").connections.get(flow.client_conn.id)
    transport = handler.transports.get(handler.client) if handler is not None else None
    if transport is not None and transport.handler is not None:
        transport.handler.cancel("the emergency is over")


def _event(said: Observation) -> dict[str, str | int]:
    return {
        "kind": "observed",
        "by": said.by,
        "why": said.why,
        "until": int(said.until),
        "said": said.receipt,
    }


async def _record(running: Running, event: dict[str, str | int]) -> bool:
    """Make the receipt of a change durable; a change to observing isn't made without."""
    try:
        await running.recorder.record(Draft.of_recorder("policy", event))
    except ReceiptError as error:
        logger.error("helm-boundary: no receipt for %s: %s", event["kind"], error)
        return False
    return True
