"""Verdicts told as HELM's own kernel tells them, for SDKs and scripts that were written for it.

Its headers (`X-Helm-Output-Hash`, `-Lamport-Clock`, `-Decision-ID`, `-ProofGraph-Node`,
`-Signature`, `-Tool-Calls`) and its members of an error's `helm` (`status`, `reason_code`,
`tool_names`) come beside ours. What they name is ours: the decision is the receipt, the clock its
number in its journal, the node its SHA-256, the signature the one in its envelope.

Source: Mindburn-Labs/helm-ai-kernel, core/cmd/helm-ai-kernel/proxy_cmd.go and sdk/ts/src/client.ts.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from helm_boundary.policy.decision import Decision
from helm_receipts.envelope.dsse import parse_line

from .exchange import Exchange
from .reply import STATUS_NAMES, Reply
from .reply_writer import Body, Teller


class HelmTeller(Teller):
    """Puts verdicts into replies and headers that HELM's clients read, too."""

    def refuse(self, exchange: Exchange, decision: Decision, receipt_id: str | None) -> Reply:
        """Write the reply in place of the provider's response.

        HELM's scripts take any mention of `tool_calls` in it for a call that got through, so
        pointers to them are left out.
        """
        reply = super().refuse(exchange, decision, receipt_id)
        told = json.loads(reply.body)
        told["helm"] |= {
            "status": STATUS_NAMES[decision.verdict],
            "reason_code": told["error"]["code"],
            "tool_names": [call.name for call in _tool_calls(exchange)],
        }
        for reason in told["helm"]["reasons"]:
            reason.pop("pointer", None)
        body = json.dumps(told).encode("ascii")
        more = _headers(exchange, receipt_id, body)
        return replace(reply, headers=(*reply.headers, *more), body=body)

    def headers(self, exchange: Exchange, body: Body | None = None) -> tuple[tuple[str, str], ...]:
        """Write the headers of a response that is let through, `body` where it is whole."""
        content = body() if body is not None else None
        more = _headers(exchange, exchange.progress.receipt_id, content)
        return (*super().headers(exchange), *more)


def _headers(
    exchange: Exchange, receipt_id: str | None, body: bytes | None
) -> tuple[tuple[str, str], ...]:
    receipt, calls = exchange.progress.receipt, len(_tool_calls(exchange))
    named: dict[str, str | None] = {
        "X-Helm-Decision-ID": receipt_id,
        "X-Helm-Lamport-Clock": _number(receipt_id),
        "X-Helm-Output-Hash": f"sha256:{hashlib.sha256(body).hexdigest()}" if body else None,
        "X-Helm-Tool-Calls": str(calls) if calls else None,
    }
    if receipt is not None and receipt.id == receipt_id:
        named["X-Helm-ProofGraph-Node"] = receipt.digest
        named["X-Helm-Signature"] = parse_line(receipt.envelope).signature.hex()
    return tuple((name, value) for name, value in named.items() if value)


def _number(receipt_id: str | None) -> str | None:
    return str(int(receipt_id.rpartition("-")[2])) if receipt_id else None


def _tool_calls(exchange: Exchange) -> tuple[Any, ...]:
    answer = exchange.progress.answer
    return tuple(answer.tool_calls) if answer is not None else ()
