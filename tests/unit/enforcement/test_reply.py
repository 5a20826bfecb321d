"""Refusals in the form that a provider's own SDK reads, beside OpenAI's error object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.enforcement.reply import Verdict, refuse
from helm_boundary.policy.decision import DENY, Decision, Reason

DENIED = Decision(DENY, (Reason("POLICY_VIOLATION", "test", "not here", "ungranted"),))
MESSAGE = "helm-boundary denied this call: not here"


@pytest.mark.parametrize(
    ("operation", "beside"),
    [
        ("createChatCompletion", {}),
        ("bedrock.converse", {"code": "AccessDeniedException", "message": MESSAGE}),
        ("sagemaker.invokeEndpoint", {"code": "AccessDeniedException", "message": MESSAGE}),
        ("dashscope.generate", {"code": "POLICY_VIOLATION", "message": MESSAGE}),
        ("databricks.queryEndpoint", {"detail": MESSAGE, "scimType": ""}),
    ],
)
def test_a_refusal_is_where_a_providers_sdk_looks(operation: str, beside: dict[str, Any]) -> None:
    """The error object is there in any case."""
    reply = refuse(Verdict(DENIED, "r-1", "sha256:0", "c"), operation)
    told = json.loads(reply.body)
    assert reply.status == 403
    assert told["error"]["message"] == MESSAGE
    assert {key: told[key] for key in told.keys() - {"error", "helm"}} == beside
