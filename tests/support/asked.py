"""A request for approval as a running boundary keeps it, for tests that need no boundary."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from helm_boundary.approvals.binding import Binding, Cover
from helm_boundary.approvals.entry import Request
from helm_receipts.envelope.statement import ClientFacts, Reason
from support import receipts

BINDING = Binding("00" * 32, "user ada", "createChatCompletion", "ab" * 32)


def request(number: int = 0, *, seconds: float = 60, **changed: Any) -> Request:
    """Return a request that a person may decide on for so many seconds from now."""
    now = time.time_ns()
    made = Request(
        id=f"apr_{number:016x}",
        phase="request",
        binding=BINDING,
        cover=Cover(request=frozenset({"ask.person"})),
        reasons=(Reason("APPROVAL_REQUIRED", "ask.person", "ungranted", "/messages/0"),),
        messages=("A person must look at this.",),
        summary={"to": "POST https://api.openai.com:443/v1/chat/completions", "texts": []},
        flow=receipts.flow("call-1"),
        client=ClientFacts("ada", None),
        policy=receipts.POLICY,
        request_receipt="abcdefgh-000001",
        created_ns=now,
        expires_ns=now + int(seconds * 10**9),
        held=False,
    )
    return replace(made, **changed)
