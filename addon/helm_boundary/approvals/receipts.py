"""The receipts of an approval: requested, granted, refused, withdrawn, expired, used."""

from __future__ import annotations

from collections.abc import Mapping

from helm_receipts.envelope.predicate import rfc3339
from helm_receipts.envelope.statement import Approval, Draft, Verdict

from .entry import EXPIRED, GRANTED, REFUSED, USED, WITHDRAWN, Request

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
    request: Request, kind: str, by: str, body: bytes | None = None, *, until_ns: int = 0
) -> Draft:
    """Draft the receipt that says `kind` of a request for approval, with who did it.

    `body` is the request's, where it is at hand; only its salted digest is kept. A grant that is
    good for a time says until when.
    """
    lasting = {"goodUntil": rfc3339(until_ns)} if until_ns else {}
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
            **lasting,
        },
    )
