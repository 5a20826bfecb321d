"""The boundary in mitmproxy's interfaces: views, columns, and a list of flows that is bounded."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Any

from mitmproxy import addonmanager, ctx, http
from mitmproxy import flow as mitmflow
from mitmproxy.addonmanager import Loader
from mitmproxy.hooks import UpdateHook

from helm_boundary.runtime.current_boundary import CurrentBoundary
from helm_boundary.views import add_views
from helm_receipts.log.index import log_index

logger = logging.getLogger(__name__)

_TIDY_SECONDS = 1.0
_OBSERVERS = ("save", "savehar", "dumper")


class Interface:
    """The part of the addon that people see."""

    name = "helmboundaryinterface"

    def __init__(self, current: CurrentBoundary) -> None:
        self._current = current
        self._tidying: asyncio.Task[None] | None = None

    def load(self, _: Loader) -> None:
        """Add our views, before any flow is read from a file."""
        add_views(self._index_of)

    def running(self) -> None:
        """Set the options that make judgements visible, and begin to tidy up."""
        if _view() is not None:
            _set_defaults(
                _with_columns({"store_streamed_bodies": True}),
                "so that calls can be read at a glance",
            )
        elif _is_recording():
            _set_defaults(
                {"store_streamed_bodies": True}, "so that the recording has streams whole"
            )
        self._tidying = asyncio.get_running_loop().create_task(self._tidy())

    def _index_of(self, receipt_id: str) -> int | None:
        running = self._current.running
        return None if running is None else log_index(running.state, receipt_id)

    def done(self) -> None:
        """Stop tidying."""
        if self._tidying is not None:
            self._tidying.cancel()

    def response(self, flow: http.HTTPFlow) -> None:
        """Show how a flow was judged that has come to its end, and drop older ones."""
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        """Show how a flow was judged that has come to its end, and drop older ones."""
        self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        view = _view()
        if view is None:
            return
        ctx.master.addons.trigger(UpdateHook([flow]))
        running = self._current.running
        if running is None or not running.keep_flows:
            return
        store: dict[str, mitmflow.Flow] = view._store
        surplus = len(store) - running.keep_flows
        # Some at a time: each removal searches the list that is shown.
        if surplus >= max(1, min(100, running.keep_flows // 10)):
            for old in finished(list(store.values()), surplus):
                view.remove([old])

    async def _tidy(self) -> None:
        last = ""
        while True:
            await asyncio.sleep(_TIDY_SECONDS)
            running = self._current.running
            if running is None:
                continue
            try:
                for _ in running.boundary.desk.expire():
                    await asyncio.sleep(0)
            except Exception as error:
                if str(error) != last:  # it will be the same in a second
                    logger.error("helm-boundary: approvals couldn't be tidied: %s", error)
                last = str(error)


def observers(addons: addonmanager.AddonManager) -> list[Any]:
    """Take mitmproxy's addons that write flows down out of the chain, to stand behind us.

    They would write an answer as the upstream gave it, and what we made of it they wouldn't see.
    """
    found = [addons.get(name) for name in _OBSERVERS]
    present = [addon for addon in found if addon in addons.chain]
    for addon in present:
        addons.chain.remove(addon)
        if addon is found[_OBSERVERS.index("dumper")]:
            _say_less(addon)
    return present


def _say_less(dumper: Any) -> None:
    """Have mitmdump print no line for each message of a WebSocket, unless details are asked for.

    A spoken answer has hundreds; its call has one line of ours.
    """
    say = dumper.websocket_message

    def websocket_message(flow: http.HTTPFlow) -> None:
        if ctx.options.flow_detail > ctx.options.default("flow_detail"):
            say(flow)

    dumper.websocket_message = websocket_message


def _is_recording() -> bool:
    """Tell whether flows are written to a file, as with -w."""
    options = ctx.options
    return any(getattr(options, name, None) for name in ("save_stream_file", "hardump"))


def _with_columns(wanted: dict[str, Any]) -> dict[str, Any]:
    if "web_columns" in ctx.options:
        wanted["web_columns"] = [*ctx.options.default("web_columns"), "comment"]
    return wanted


def _set_defaults(wanted: dict[str, Any], why: str) -> None:
    """Set options where nobody has set them, and say why."""
    changes = {
        name: value
        for name, value in wanted.items()
        if getattr(ctx.options, name) == ctx.options.default(name)
    }
    ctx.options.update(**changes)
    for name in changes:
        logger.info("helm-boundary: %s set, %s", name, why)


def finished(flows: list[mitmflow.Flow], count: int) -> list[mitmflow.Flow]:
    """Return the oldest flows that are over, at most so many; none of them waits or is open."""
    over = (f for f in flows if not (f.intercepted or f.live))
    return list(itertools.islice(over, count))


def _view() -> Any:
    return ctx.master.addons.get("view")
