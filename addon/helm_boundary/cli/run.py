"""`helm-boundary run`: mitmdump or mitmweb with the boundary in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from helm_boundary.runtime.mitmproxy_program import Program, run_mitmproxy
from helm_boundary.runtime.processes.order import SeveralRefused, check_several, with_port
from helm_boundary.runtime.processes.supervisor import supervise
from helm_boundary.runtime.start_order import Order, run_arguments
from helm_receipts.storage import isolated

from .boundary_options import boundary_options
from .exits import ending_on


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--web", is_flag=True, help="Run mitmweb instead of mitmdump.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", "-p", type=int, default=8080, show_default=True, help="Port to listen on.")
@click.option("--mode", "modes", multiple=True, help="mitmproxy's mode, such as reverse:https://…")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many boundaries share the port and the state folder, one a core. Linux only.",
)
@boundary_options
@click.argument("extra", metavar="[MITMPROXY ARGUMENTS]…", nargs=-1, type=click.UNPROCESSED)
def run(
    web: bool,
    host: str,
    port: int,
    modes: tuple[str, ...],
    processes: int,
    state: Path | None,
    policies: tuple[Path, ...],
    settings: tuple[str, ...],
    extra: tuple[str, ...],
) -> None:
    """Run the boundary as a proxy until it is stopped.

    Unknown options go to mitmproxy as they are. SIGTERM lets open calls end; under systemd the
    service is reported ready.

    One boundary uses one core, its policy a part of another. With --processes N there are N: the
    system spreads connections over them, one that dies is started again, and signals reach all.
    Each line of the log begins with its process's number, such as [2]. Programs of the same user
    may listen on such a port too, so run agents as another one.
    """
    several = processes > 1
    if several:
        with ending_on(SeveralRefused):
            check_several(web=web)
    order = Order(host, port, modes, state, policies, settings, extra)
    if not sys.flags.isolated:  # what PYTHONPATH names has no place in a boundary
        again = isolated.run_module(
            "helm_boundary",
            *(
                "run",
                *(["--web"] if web else []),
                *(["--processes", str(processes)] if several else []),
            ),
            *run_arguments(order),
        )
        os.execv(again[0], again)  # noqa: S606 - ourselves
    if several:
        raise SystemExit(supervise(with_port(order), processes))
    run_mitmproxy(Program.WEB if web else Program.DUMP, order)
