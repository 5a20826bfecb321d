"""What several processes need beyond what one needs: a system that spreads connections, a port."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from pathlib import Path

from helm_boundary.runtime.own_address import AddressError, read_address
from helm_boundary.runtime.start_order import Order
from helm_boundary.runtime.state_folder import default_state_folder
from helm_receipts.database.address import is_address


class SeveralRefused(Exception):
    """Several processes can't do what was asked; the message says why and what to do."""


def check_several(*, web: bool) -> None:
    """Raise SeveralRefused where one port can't be served by several processes."""
    if web:
        raise SeveralRefused("--web shows the flows of one process; leave out --processes")
    if sys.platform != "linux":  # elsewhere SO_REUSEPORT gives every connection to one of them
        raise SeveralRefused(
            "only Linux spreads a port's connections over processes; run boundaries with ports of "
            "their own and one state folder, and a balancer before them"
        )


def health_address(order: Order) -> tuple[str, int] | None:
    """Return where `helm_health` says that health is told, None for nowhere.

    What isn't an address is said by the first process, as everything that is wrong with options.
    """
    named = order.named("helm_health")
    try:
        return read_address(named) if named else None
    except AddressError:
        return None


def state_of(order: Order) -> Path:
    """Return the folder that an order's processes share: the state, or what is beside a database.

    There they tell their health.
    """
    named = order.named("helm_state")
    if is_address(named):
        named = order.named("helm_folder")
    return Path(named).expanduser().absolute() if named else order.state or default_state_folder()


def with_port(order: Order) -> Order:
    """Return an order with a port that is free now, where any will do."""
    if order.port:
        return order
    family = socket.AF_INET6 if ":" in order.host else socket.AF_INET
    with socket.create_server((order.host, 0), family=family) as probe:
        return replace(order, port=probe.getsockname()[1])
