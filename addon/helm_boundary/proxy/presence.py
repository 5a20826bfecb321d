"""The part of the addon that tells a fleet's database what this boundary is and runs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from helm_boundary.runtime.health import Health
from helm_boundary.runtime.options import Config
from helm_receipts.errors import ReceiptError

if TYPE_CHECKING:
    from helm_boundary.fleet.boundary_rows import BoundaryRows

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
TELL_SECONDS = 5.0
_LEAVE_SECONDS = 2.0


class Presence:
    """Writes this boundary's row every five seconds, and at once when policy or mode changes."""

    name = "helmboundarypresence"

    def __init__(
        self, look: Callable[[], Health | None], config: Callable[[], Config | None]
    ) -> None:
        self._look = look
        self._config = config
        self._rows: BoundaryRows | None = None
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        """Begin, where the state is a database."""
        config = self._config()
        if config is None or config.database is None:
            return
        from helm_boundary.fleet.boundary_rows import BoundaryRows

        self._rows = BoundaryRows(config.database)
        self._task = asyncio.get_running_loop().create_task(self._tell(self._rows))

    def done(self) -> None:
        """Take the row away; a database that doesn't answer keeps nobody for long."""
        if self._task is None or self._rows is None:
            return
        self._task.cancel()
        leaving = threading.Thread(target=_leave, args=(self._rows,), daemon=True)
        leaving.start()
        leaving.join(_LEAVE_SECONDS)
        self._rows = None

    async def _tell(self, rows: BoundaryRows) -> None:
        told, said_at, is_known = ("", ""), 0.0, True
        while True:
            health = self._look()
            now = time.monotonic()
            if health is not None:
                what = (health.policy_digest, health.mode)
                if what != told or now - said_at >= TELL_SECONDS:
                    is_known = await _written(rows, health, complain=is_known)
                    told, said_at = what, now
            await asyncio.sleep(LOOK_SECONDS)


async def _written(rows: BoundaryRows, health: Health, *, complain: bool) -> bool:
    try:
        await asyncio.to_thread(rows.tell, health.to_json(), health.writer)
    except ReceiptError as error:
        if complain:
            logger.warning("helm-boundary: the fleet isn't told of this boundary: %s", error)
        return False
    return True


def _leave(rows: BoundaryRows) -> None:
    with suppress(ReceiptError):
        rows.leave()
