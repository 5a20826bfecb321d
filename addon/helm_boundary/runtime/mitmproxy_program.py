"""mitmproxy as this process's program, with the boundary in it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from helm_receipts.database.address import is_address

from .process_place import Place
from .start_order import Order, each

SCRIPT = Path(__file__).resolve().parent.parent / "script" / "helm.py"


class Program(StrEnum):
    """The programs of mitmproxy's that a boundary runs in."""

    DUMP = "mitmdump"
    WEB = "mitmweb"


def run_mitmproxy(program: Program, order: Order) -> None:
    """Run mitmproxy until it is told to stop.

    It is imported here: a command that only starts another process does without.
    """
    from mitmproxy.tools import main

    os.umask(os.umask(0o077) | 0o022)  # mitmproxy's folder is made by it, with its authority
    run = {Program.DUMP: main.mitmdump, Program.WEB: main.mitmweb}[program]
    if isinstance(sys.stdout, io.TextIOWrapper):  # a log that is read elsewhere shows lines at once
        sys.stdout.reconfigure(line_buffering=True)
    _share_ports(Place.own())
    run(mitmproxy_arguments(order))


def _share_ports(place: Place | None) -> None:
    """Have a process of several open its ports beside the others; one that is alone has its own."""
    if place is None:
        return
    from helm_boundary.proxy.patches.shared_ports import claim_ports, join_ports

    if place.is_first:
        claim_ports()
    else:
        join_ports()


def mitmproxy_arguments(order: Order) -> list[str]:
    """Return the arguments for mitmdump or mitmweb."""
    from .unsafe_options import SAFE_DEFAULTS

    helm: dict[str, object] = {}
    if order.state:  # beside a database it is the folder of what is this boundary's own
        helm["helm_folder" if is_address(order.named("helm_state")) else "helm_state"] = order.state
    settings = [*_settings({name: safe for name, (safe, _) in SAFE_DEFAULTS.items()} | helm)]
    # An option that takes many values takes each with a --set of its own.
    settings += [f"helm_policy={folder}" for folder in order.policies]
    return [
        *("--listen-host", order.host, "--listen-port", str(order.port)),
        *each("--mode", order.modes),
        *("-s", str(SCRIPT)),
        *each("--set", (*settings, *order.settings)),
        *order.extra,
    ]


def _settings(values: Mapping[str, object]) -> list[str]:
    return [
        f"{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
    ]
