"""The wait of a flow for a person, where mitmproxy's own interface can see and answer it.

An intercepted flow is what mitmweb and the console know: resuming it is a yes, killing it a no,
and whoever edits it first has made another call of it. `kill` wakes nobody, a client that goes
away wakes nobody, and other processes decide through the store, so this looks every 50 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mitmproxy import ctx, http
from mitmproxy.flow import Error
from mitmproxy.hooks import UpdateHook

from helm_boundary.approvals.decisions import person
from helm_boundary.approvals.entry import Request
from helm_boundary.approvals.wait import Answered, Park, Said
from helm_boundary.flows.notes import WAITING, shown_model

POLL = 0.05

type Gone = Callable[[http.HTTPFlow], bool]
"""Tells whether a flow's client has disconnected."""

PATIENCE = 30.0
"""Longest that a judgement may take, in seconds, before the call is denied.

Time spent waiting for a person doesn't count.
"""

_BYTES_A_SECOND = 500_000
"""What is read and judged at least, on a machine that is busy with other things."""


def patience(body: bytes | None) -> float:
    """Return the longest that a body's judgement may take: no size is a reason to deny."""
    return PATIENCE + len(body or b"") / _BYTES_A_SECOND


class Hold:
    """Where one hook's flow waits; `patience` is the hook's own deadline, stopped meanwhile.

    `floods` says that more has come of the upstream meanwhile than can wait.
    """

    def __init__(
        self,
        flow: http.HTTPFlow,
        deadline: asyncio.Timeout,
        fingerprint: Callable[[], object],
        seconds: int,
        has_gone: Gone,
        floods: Callable[[], bool] = lambda: False,
    ) -> None:
        self._flow = flow
        self._deadline = deadline
        self._fingerprint = fingerprint
        self._seconds = seconds
        self._has_gone = has_gone
        self._floods = floods

    def park(self, show: Callable[[], None]) -> Park:
        """Return what lets this flow wait for a person; `show` puts what was judged on the flow."""

        async def park(request: Request, is_decided: Callable[[], bool]) -> Answered:
            show()
            return await self._park(request, is_decided)

        return park

    async def _park(self, request: Request, is_decided: Callable[[], bool]) -> Answered:
        loop, flow = asyncio.get_running_loop(), self._flow
        shown = self._fingerprint()
        before = flow.marked, flow.comment
        flow.marked, flow.comment = WAITING, _waits_for(request)
        self._deadline.reschedule(None)
        flow.intercept()
        _repaint(flow)
        try:
            deadline = loop.time() + self._seconds
            while (answered := self._look(shown, is_decided, loop.time() >= deadline)) is None:
                await asyncio.sleep(POLL)
            return answered
        finally:
            flow.resume()
            flow.marked, flow.comment = before
            self._deadline.reschedule(loop.time() + PATIENCE)

    def _look(
        self, shown: object, is_decided: Callable[[], bool], is_late: bool
    ) -> Answered | None:
        flow = self._flow
        if self._has_gone(flow):
            return Answered(Said.GONE, "the client, who went away")
        if self._floods():
            return Answered(Said.FLOODED, "the upstream, which sent too much")
        if is_killed(flow):
            # Refused, but the client is told so: one whose connection just ends asks again.
            flow.error, flow.live = None, True
            return Answered(Said.NO, user_interface())
        decided = is_decided()
        if not (decided or is_late or not flow.intercepted):
            return None
        if self._fingerprint() != shown:
            return Answered(Said.CHANGED, user_interface())
        if decided:
            return Answered(Said.DECIDED)
        return Answered(Said.SILENCE) if flow.intercepted else Answered(Said.YES, user_interface())


async def resumed(flow: http.HTTPFlow, has_gone: Gone) -> None:
    """Wait while somebody's own intercept filter holds the flow; they may edit it meanwhile.

    `Flow.wait_for_resume` would wait for ever for one that is killed or whose client has gone.
    """
    while flow.intercepted and not is_killed(flow) and not has_gone(flow):
        await asyncio.sleep(POLL)


def is_killed(flow: http.HTTPFlow) -> bool:
    """Tell whether somebody has killed a flow; any other error of it mitmproxy doesn't look at."""
    return flow.error is not None and flow.error.msg == Error.KILLED_MESSAGE


def _waits_for(request: Request) -> str:
    codes = ", ".join(dict.fromkeys(reason.code for reason in request.reasons))
    return (
        f"WAITS for a person: {codes}: {request.flow.operation}, "
        f"{shown_model(request.flow.model or 'no model')} ({request.id}; resume = yes, kill = no)"
    )


def user_interface() -> str:
    """Name who answers in mitmproxy's interface: whoever has its password, as far as we know."""
    names = {"WebMaster": "mitmweb", "ConsoleMaster": "mitmproxy", "DumpMaster": "mitmdump"}
    return f"{person()} ({names.get(type(ctx.master).__name__, 'mitmproxy')})"


def _repaint(flow: http.HTTPFlow) -> None:
    ctx.master.addons.trigger(UpdateHook([flow]))
