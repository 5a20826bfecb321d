"""The receipts of an approval: requested, granted, refused, withdrawn, expired, used."""

from __future__ import annotations

from collections.abc import Mapping

from helm_receipts.envelope.predicate import rfc3339
from helm_receipts.envelope.statement import Approval, Draft, Verdict

from .entry import EXPIRED, GRANTED, REFUSED, USED, WITHDRAWN, Request
from .extent import ONCE, Extent

REQUESTED = "requested"
_VERDICTS: Mapping[str, Verdict] = {
    REQUESTED: "ESCALATE",
    GRANTED: "ALLOW",
    USED: "ALLOW",
    REFUSED: "DENY",
    WITHDRAWN: "DENY",
    EXPIRED: "DENY",
}


def draft_approval(
    request: Request,
    kind: str,
    by: str,
    body: bytes | None = None,
    *,
    extent: Extent = ONCE,
    until_ns: int = 0,
) -> Draft:
    """Draft the receipt that says `kind` of a request for approval, with who did it.

    `body` is the request's, where it is at hand; only its salted digest is kept. A grant says how
    far it goes (`extent`), and one that is good for a time until when.
    """
    more: dict[str, str] = {"goodFor": extent.kind} if kind == GRANTED else {}
    if until_ns:
        more["goodUntil"] = rfc3339(until_ns)
    if request.binding.session:
        more["session"] = request.binding.session
    if request.binding.volatile:
        more["volatile"] = request.binding.volatile
    return Draft(
        phase="approval",
        verdict=_VERDICTS[kind],
        enforcement="enforced",
        policy=request.policy,
        reasons=request.reasons,
        flow=request.flow,
        coverage=None,
        subjects={} if body is None else {"request": body},
        approval=Approval(request.id, by, request.request_receipt),
        client=request.client,
        event={
            "kind": kind,
            "approvalId": request.id,
            "phase": request.phase,
            "expiresAt": rfc3339(request.expires_ns),
            **more,
        },
    )
