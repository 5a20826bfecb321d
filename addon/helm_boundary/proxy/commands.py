"""Commands of mitmproxy, the same in the console, in mitmweb and over its API."""

# mypy: disable-error-code="untyped-decorator"
# mitmproxy's decorators carry no types.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mitmproxy import command, exceptions, http, types
from mitmproxy import flow as mitmflow

from helm_boundary.approvals import decisions
from helm_boundary.approvals.entry import GRANTED, PENDING, REFUSED, Entry
from helm_boundary.approvals.extent import ALWAYS, ONCE, SESSION, Extent, for_time
from helm_boundary.approvals.report import caller_of, rules_of, seconds_left
from helm_boundary.approvals.standing_yes import setting_for
from helm_boundary.approvals.store import StoreError
from helm_boundary.enforcement.approval_desk import Desk
from helm_boundary.runtime.current_boundary import CurrentBoundary
from helm_boundary.runtime.startup import Running
from helm_boundary.views.judgement import explain, receipts_of
from helm_receipts.errors import ReceiptError
from helm_receipts.export.explain import explain as explain_receipt
from helm_receipts.export.explain import printable
from helm_receipts.journal.reader import find_record
from helm_receipts.layout import Layout
from helm_receipts.log.index import log_index

from .hold import user_interface


class Commands:
    """The commands `helm.*`: look at what waits and at what was judged, and decide."""

    name = "helmboundarycommands"

    def __init__(self, current: CurrentBoundary, reload_policy: Callable[[], str]) -> None:
        self._current = current
        self._reload = reload_policy

    @command.command("helm.pending")
    def pending(self) -> types.Data:
        """List the calls that wait for a person: id, seconds left, operation, model, who, rules."""
        now = self._desk().store.now_ns()
        return [_row(entry, now) for entry in self._pending()]  # type: ignore[return-value]

    @command.command("helm.pending.ids")
    def pending_ids(self) -> Sequence[str]:
        """List the ids of the calls that wait for a person."""
        return [entry.id for entry in self._pending()]

    @command.command("helm.approve")
    @command.argument("approval", type=types.Choice("helm.pending.ids"))
    @command.argument("extent", type=types.Choice("helm.extents"))
    def approve(self, approval: str, extent: str = "once") -> str:
        """Let a call through that waits for a person: exactly this one, and once.

        Or calls like it in its `session`, for an `hour`, or `always`, which is as `session` and
        says what to add to data.yaml.
        """
        entry = self._decide(approval, GRANTED, _EXTENTS[extent])
        lines = [f"{approval} is {GRANTED}"]
        if extent == "always":
            lines += ["For good, add to data.yaml:", *setting_for(entry.request)]
        return printable(" ".join(lines))

    @command.command("helm.extents")
    def extents(self) -> Sequence[str]:
        """List how far a grant may go."""
        return list(_EXTENTS)

    @command.command("helm.deny")
    @command.argument("approval", type=types.Choice("helm.pending.ids"))
    def deny(self, approval: str) -> str:
        """Refuse a call that waits for a person."""
        self._decide(approval, REFUSED)
        return f"{approval} is {REFUSED}"

    @command.command("helm.explain")
    def explain(self, flow: mitmflow.Flow) -> types.Data:
        """Say what was decided about a flow, why, by which policy, and where it is written."""
        try:
            state = self._ready().state
            lines = explain(_http(flow), lambda receipt_id: log_index(state, receipt_id))
        except ValueError as error:
            raise exceptions.CommandError(str(error)) from None
        return [[line] for line in lines]  # type: ignore[return-value]

    @command.command("helm.receipt")
    def receipt(self, flow: mitmflow.Flow) -> types.Data:
        """Show a flow's receipts, as they are in the journal."""
        running = self._ready()
        try:
            found = receipts_of(_http(flow))
        except ValueError as error:
            raise exceptions.CommandError(str(error)) from None
        if not found:
            raise exceptions.CommandError("this flow has no receipt: it isn't a call")
        lines: list[str] = []
        for identity in found:
            try:
                lines += explain_receipt(find_record(Layout(running.state).journal, identity))
            except (ReceiptError, OSError) as error:
                raise exceptions.CommandError(str(error)) from None
        return [[line] for line in lines]  # type: ignore[return-value]

    @command.command("helm.policy.reload")
    def reload(self) -> str:
        """Read the policy again; if it is good, it counts from the next call on."""
        return self._reload()

    def _decide(self, identity: str, decision: str, extent: Extent = ONCE) -> Entry:
        try:
            return self._desk().decide(identity, decision, user_interface(), extent)
        except (decisions.NotPending, StoreError, ReceiptError, OSError) as error:
            raise exceptions.CommandError(str(error)) from None

    def _pending(self) -> list[Entry]:
        store = self._desk().store
        try:
            entries = store.entries()
        except StoreError as error:
            raise exceptions.CommandError(str(error)) from None
        return [entry for entry in entries if entry.status(store.now_ns()) == PENDING]

    def _desk(self) -> Desk:
        return self._ready().boundary.desk

    def _ready(self) -> Running:
        running = self._current.running
        if running is None:
            raise exceptions.CommandError("the boundary isn't running; see the event log")
        return running


_EXTENTS = {"once": ONCE, "session": SESSION, "hour": for_time(3600), "always": ALWAYS}


def _row(entry: Entry, now: int) -> list[str]:
    request = entry.request
    row = [
        entry.id,
        f"{seconds_left(entry, now)} s",
        request.flow.operation,
        request.flow.model or "",
        caller_of(request),
        rules_of(request),
    ]
    return [printable(cell) for cell in row]  # clients choose models and names


def _http(flow: Any) -> http.HTTPFlow:
    if not isinstance(flow, http.HTTPFlow):
        raise exceptions.CommandError("expected an HTTP flow")
    return flow
