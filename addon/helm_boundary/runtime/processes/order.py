"""What several processes need beyond what one needs: a system that spreads connections, a port."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace

from helm_boundary.runtime.start_order import Order


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


def with_port(order: Order) -> Order:
    """Return an order with a port that is free now, where any will do."""
    if order.port:
        return order
    family = socket.AF_INET6 if ":" in order.host else socket.AF_INET
    with socket.create_server((order.host, 0), family=family) as probe:
        return replace(order, port=probe.getsockname()[1])
