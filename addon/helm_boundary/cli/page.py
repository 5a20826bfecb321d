"""`helm-boundary page`: the page that a person leaves open."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import click

from helm_boundary.page.server import PageServer
from helm_boundary.page.sign_in import SignIn
from helm_boundary.runtime.own_address import AddressError, read_own_address
from helm_boundary.runtime.own_listeners import noted
from helm_boundary.runtime.shared_state import SharedState

from .beside import beside_option, listen_option, listening_on
from .exits import CommandError
from .shared_state import existing_state, shared_state_option
from .state_options import io_errors
from .verification_keys import trust_of

TOKEN = "HELM_PAGE_TOKEN"  # noqa: S105 - a variable's name


@click.command()
@shared_state_option
@listen_option("127.0.0.1:8082", here=True)
@beside_option
def page(state: SharedState, listen: str, with_parent: bool) -> None:
    """Show receipts, approvals and charts in a browser.

    Prints an address with a token in it: whoever has that can look, and approve. A token of your
    own in HELM_PAGE_TOKEN is taken, and not printed. Reads the state folder of a boundary, whether
    it runs or not, or a fleet's database.
    """
    try:
        address = read_own_address(listen)
    except AddressError as error:
        raise CommandError(str(error)) from error
    with io_errors(), listening_on(listen):
        sign_in = SignIn(os.environ.get(TOKEN) or None)
        server = PageServer(existing_state(state), address, trust_of(state), sign_in)
    with noted(state.layout.state, server.port):
        own = TOKEN in os.environ
        click.echo(f"helm-boundary page: {server.address if own else server.url}")
        asyncio.run(_serve(server, with_parent))


async def _serve(server: PageServer, with_parent: bool) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if with_parent:
        loop.add_reader(sys.stdin.fileno(), _end_with_input, ended)
    server.start()
    await ended.wait()
    server.close()
    loop.set_exception_handler(lambda *_: None)  # whoever still waits for an answer gets none


def _end_with_input(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        ended.set()
