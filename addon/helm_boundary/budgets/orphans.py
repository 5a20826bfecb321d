"""Reservations whose process is gone, settled by whoever finds them as the receipts say."""

from __future__ import annotations

import asyncio
import logging

from helm_receipts.errors import ReceiptError

from .books import Recent, fates_of
from .store import Store

logger = logging.getLogger(__name__)


class Orphans:
    """Settles the orphans of a store, one search at a time."""

    def __init__(self, store: Store, recent: Recent) -> None:
        self._store = store
        self._recent = recent
        self._searching = asyncio.Lock()

    async def settle(self) -> bool:
        """Settle what others have left reserved; tell whether there was anything.

        A call with an outcome costs what that was charged, one with a request receipt alone what it
        reserved. One without was never forwarded, and gets it back.

        Raises:
            StoreError: the balances can't be read or written.
        """
        async with self._searching:
            orphans = await self._store.orphans()
            if not orphans:
                return False
            calls = {each.call: each.made for each in orphans}
            try:
                fates = await asyncio.to_thread(fates_of, self._recent, calls)
            except (ReceiptError, OSError, KeyError, ValueError) as error:
                logger.error("helm-boundary: what was left reserved can't be settled: %s", error)
                return False
            for each in orphans:
                fate = fates.get(each.call)
                await self._store.settle(each.call, {} if fate is None else fate.charged)
            return True
