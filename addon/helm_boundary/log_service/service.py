"""A process that keeps a database's log up, as long as the lease is its own, and serves it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from helm_receipts.database.address import Address
from helm_receipts.database.connections import open_pool
from helm_receipts.errors import ReceiptError
from helm_receipts.recording.observers import Observer
from helm_receipts.tables.table_log import TableLog

from .site import Site

INTERVAL_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_CONNECTIONS = 8

logger = logging.getLogger(__name__)


class _Quiet(WSGIRequestHandler):
    """Logs no requests: who reads a log is nobody's business."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Log what went wrong only."""
        if type == "error":
            logger.warning(message, *args)


@contextmanager
def serving(address: Address, host: str, port: int) -> Iterator[BaseWSGIServer]:
    """Serve a database's log for as long as the block lasts."""
    pool = open_pool(address, _CONNECTIONS)
    server = make_server(host, port, Site(pool), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="site", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        pool.close()


def keep_up(log: TableLog, ended: threading.Event, observers: Sequence[Observer] = ()) -> None:
    """Keep a log up until the end; what goes wrong is logged once, and tried again.

    While it is this process that integrates, `observers` show its checkpoints to others.
    """
    told = ""
    while not ended.is_set():
        try:
            goes_on = log.step()
            for observer in observers if log.is_ours else ():
                observer.attend()
            if told:
                logger.warning("the receipt log is extended again")
            told = ""
        except ReceiptError as error:
            if str(error) != told:
                logger.warning("the receipt log isn't being extended: %s", error)
            told, goes_on = str(error), False
            ended.wait(_RETRY_SECONDS)
        if not goes_on:
            ended.wait(INTERVAL_SECONDS)
    for observer in observers if log.is_ours else ():
        observer.finish()
    log.close()


def tell_shown(said: str) -> None:
    """Log that a witness or a timestamp authority signs nothing."""
    logger.warning("a checkpoint wasn't signed by others: %s", said)
