"""One line of the log for each call, once its outcome is durable: no content, as in receipts."""

from __future__ import annotations

import logging

from helm_receipts.envelope.statement import Draft, ToolCall
from helm_receipts.export.explain import printable
from helm_receipts.recording.writer import Receipt

logger = logging.getLogger(__name__)

_TOOLS = 3
"""So many names of tools are in a line; of the others, how many there are."""


def log_call(draft: Draft, receipt: Receipt) -> None:
    """Log how a call ended; other receipts than outcomes are about no call's end."""
    if draft.phase == "outcome" and logger.isEnabledFor(logging.INFO):
        logger.info("helm-boundary: %s", printable(_line(draft, receipt.id)))


def _line(draft: Draft, receipt_id: str) -> str:
    flow, outcome = draft.flow, draft.outcome
    said: list[str] = [draft.verdict]
    if draft.verdict != "ALLOW" and draft.enforcement == "observed":
        said.append("(observed)")
    said += dict.fromkeys(reason.code for reason in draft.reasons)
    said += dict.fromkeys(reason.rule for reason in draft.reasons)
    if flow is not None:
        said += [flow.operation, flow.model or ""]
    names = list(dict.fromkeys(map(_tool, (*draft.asked, *draft.tool_calls))))
    said += [f"tool {', '.join(names[:_TOOLS])}"] if names else []
    said += [f"and {len(names) - _TOOLS} more"] if len(names) > _TOOLS else []
    if outcome is not None and outcome.end not in ("complete", "denied"):
        said.append(outcome.end)
    return " ".join([*filter(None, said), f"(receipt {receipt_id})"])


def _tool(call: ToolCall) -> str:
    """Write a tool's name as policy's lists do, where it is one of a named server's."""
    return f"mcp.{call.server}.{call.name}" if call.server else call.name
