"""The judgement: what was decided about a call, why, by which policy, and where it is written."""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Callable, Iterator
from typing import Any

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata

from helm_boundary.flows.notes import KEY
from helm_receipts.export.explain import FINALITY, printable

type IndexOf = Callable[[str], int | None]
"""Finds the index of a receipt in the log, by its id; None where that isn't known."""

_MAX_DIFF = 400


class Judgement(Contentview):
    """The judgement of a flow, read from the flow itself, so that it works on saved ones."""

    name = "Judgement"
    syntax_highlight = "none"

    def __init__(self, index_of: IndexOf = lambda _: None) -> None:
        self._index_of = index_of

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """Write the text of the judgement; raises ValueError for a flow that wasn't judged."""
        flow = metadata.flow
        if not isinstance(flow, http.HTTPFlow):
            raise ValueError("expected an HTTP flow")
        return "\n".join(line or " " for line in explain(flow, self._index_of))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Rank this view first for a reply of the boundary's own; else it is one to choose."""
        flow, message = metadata.flow, metadata.http_message
        if not isinstance(flow, http.HTTPFlow) or KEY not in flow.metadata:
            return -1
        if not isinstance(message, http.Response) or "x-should-retry" not in message.headers:
            return 0.5
        return 3 if "x-helm-verdict" in message.headers else 0.5


def explain(flow: http.HTTPFlow, index_of: IndexOf = lambda _: None) -> list[str]:
    """Write a flow's judgement in lines, without control characters.

    Raises ValueError for a flow that wasn't judged.
    """
    facts = flow.metadata.get(KEY)
    if not isinstance(facts, dict):
        raise ValueError("expected a flow that helm-boundary has judged; this one isn't a call")
    try:
        return [printable(line) for line in _lines(facts, flow, index_of)]
    except Exception as error:  # anybody may have written the file that a flow comes from
        raise ValueError(f"expected what helm-boundary keeps on a flow, found {error}") from error


def receipts_of(flow: http.HTTPFlow) -> list[str]:
    """List the ids of a flow's receipts, in order.

    Raises:
        ValueError: what is kept on the flow isn't what we keep.
    """
    facts = flow.metadata.get(KEY)
    try:
        judgements = facts.get("judgements", ()) if isinstance(facts, dict) else ()
        return list(dict.fromkeys(str(j["receipt"]) for j in judgements if j.get("receipt")))
    except Exception as error:
        raise ValueError(f"expected what helm-boundary keeps on a flow, found {error}") from error


def _lines(facts: dict[str, Any], flow: http.HTTPFlow, index_of: IndexOf) -> Iterator[str]:
    last = facts["judgements"][-1]
    observed = "  (observed only, not enforced)" if facts["mode"] == "observe" else ""
    yield f"{last['verdict']}{observed}  {facts['operation']}  {facts['model'] or ''}".rstrip()
    yield from _person(facts, flow)
    for judged in facts["judgements"]:
        yield ""
        yield f"{judged['phase']}: {judged['verdict']}, {_receipt(judged['receipt'], index_of)}"
        for reason in judged["reasons"]:
            yield from _reason(reason)
    yield from _rewrite("request", facts.get("request_before"), flow.request)
    yield from _rewrite("response", facts.get("response_before"), flow.response)
    yield ""
    yield f"policy       {facts['policy']['digest']}"
    yield f"             {facts['policy']['uri']}"
    yield f"             evaluated by {facts['policy']['engine']}"
    yield f"dialect      {facts['dialect']}"
    yield f"correlation  {facts['correlation_id']}"
    for at, (step, seconds) in enumerate(facts["seconds"]):
        yield f"{'' if at else 'took':<13}{seconds * 1000:8.2f} ms  {step}"


def _receipt(identity: str | None, index_of: IndexOf) -> str:
    if not identity:
        return "no receipt yet"
    index = index_of(identity)
    return f"receipt {identity}" + ("" if index is None else f", log index {index}")


def _reason(reason: dict[str, Any]) -> Iterator[str]:
    """Write what a person reads first, then code and rule."""
    yield f"    {reason['message']}"
    if reason.get("counterfactual"):
        yield f"    {reason['counterfactual']}"
    yield f"        {reason['code']} from {reason['rule']}"
    if reason.get("pointer"):
        yield f"        at {reason['pointer']}"
    yield f"        {FINALITY.get(reason['finality'], reason['finality'])}"


def _person(facts: dict[str, Any], flow: http.HTTPFlow) -> Iterator[str]:
    if flow.intercepted and "approval" in facts:
        yield "waits for a person: resume is yes, kill is no, an edit is judged again"
    if "approval" in facts:
        yield f"approval {facts['approval']['id']}, void from {facts['approval']['expires_at']}"
    if "grant" in facts:
        yield f"granted by {facts['grant']['by']} ({facts['grant']['id']})"


def _rewrite(
    what: str, before: str | None, message: http.Request | http.Response | None
) -> Iterator[str]:
    if before is None or message is None:
        return
    after = message.get_text(strict=False) or ""
    yield ""
    yield f"{what} rewritten (- before, + after)"
    changes = difflib.unified_diff(_pretty(before), _pretty(after), lineterm="", n=1)
    for at, line in enumerate(changes):
        if at >= _MAX_DIFF:
            yield "    …"
            return
        if at >= 2:  # the first two lines are file names
            yield f"    {line}"


def _pretty(text: str) -> list[str]:
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text.splitlines()
