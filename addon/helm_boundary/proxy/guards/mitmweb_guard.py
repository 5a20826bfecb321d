"""The guard of mitmweb and of the page: nobody reaches them through the proxy.

Whoever reaches one of them can try its password, and with that decide on approvals. A name is
looked up once, and the address that was checked is the one that is connected to; so a name that
means another machine now and this one in a moment leads nowhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Collection, Iterable

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import server_hooks

from helm_boundary.proxy.patches.error_pages import error_page

_SHUT = "mitmweb or the page can't be reached through its own proxy"


class Door:
    """The part of the addon that keeps mitmweb and pages to those who come to them directly.

    `pages` gives the ports that pages have noted.
    """

    name = "helmboundarydoor"

    def __init__(self, pages: Callable[[], Collection[int]]) -> None:
        self._pages = pages
        self._opened: int | None = None

    def load(self, _: Loader) -> None:
        """Choose the port before mitmweb listens on it."""
        _choose_port()

    def configure(self, updated: Iterable[str]) -> None:
        """Choose the port where the option is set later."""
        if "web_port" in updated:
            _choose_port()

    def running(self) -> None:
        """Remember the port that mitmweb has opened; setting the option again moves nothing."""
        self._opened = _web_port()

    async def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse a connection to one of them, whatever name of this machine was used."""
        address = data.server.address
        if address is None or data.server.error or not self._is_door(address[1]):
            return
        found = await _look_up(address[0])
        if not found or any(map(_is_own, found)):
            data.server.error = f"helm-boundary: {_SHUT}"
        else:
            data.server.address = (found[0], address[1])

    async def request(self, flow: http.HTTPFlow) -> None:
        """Refuse a call that another proxy would carry there; that may be on this machine."""
        if flow.response is not None or flow.server_conn.via is None:
            return
        if not self._is_door(flow.request.port):
            return
        found = await _look_up(flow.request.host)
        if not found or any(map(_is_own, found)):
            page = error_page(502, _SHUT)
            flow.response = http.Response.make(502, page, {"Content-Type": "application/json"})

    def _is_door(self, port: int) -> bool:
        return port in (self._opened, _web_port()) or port in self._pages()


def _web_port() -> int | None:
    """Return the option `web_port`; None in the programs that don't have it."""
    return getattr(ctx.options, "web_port", None)


def _choose_port() -> None:
    """Choose a free port where the option is 0; mitmweb never learns which one it was given."""
    if _web_port() == 0:
        with socket.create_server((ctx.options.web_host or "127.0.0.1", 0)) as probe:
            ctx.options.update(web_port=probe.getsockname()[1])


async def _look_up(host: str) -> list[str]:
    """Look up the addresses of a name; a name without any isn't to be trusted."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host.strip("[]"), None, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        return []
    return [str(address[4][0]) for address in found]


def _is_own(address: str) -> bool:
    """Tell whether an address is this machine's."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_loopback or ip.is_unspecified:
        return True
    # An address can be bound only where it is this machine's.
    with socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
