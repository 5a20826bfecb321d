"""Messages to whoever started this process: systemd, or the parent of several processes.

systemd's protocol is sd_notify(3): lines of NAME=VALUE in one datagram to $NOTIFY_SOCKET.
"""

from __future__ import annotations

import logging
import os
import socket
import time

from .process_place import Place, tell_parent

logger = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Tell who asked to be told; what fails is only logged."""
    if Place.own() is not None:
        tell_parent(state.partition("\n")[0])
    else:
        notify_systemd(state)


def reloading() -> str:
    """Return what says that a reload has begun."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def notify_systemd(state: str) -> None:
    """Tell systemd, where it asked to be told; sd_notify(3). What fails is only logged."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(state.encode(), address)
    except OSError as error:
        logger.warning("helm-boundary: systemd could not be told %s: %s", state, error)
