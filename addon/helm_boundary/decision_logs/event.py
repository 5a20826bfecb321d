"""A receipt as an event of OPA's decision log, without content: a receipt has none.

Source: https://www.openpolicyagent.org/docs/management-decision-logs, the event's members.
"""

from __future__ import annotations

from typing import Any

from helm_receipts.envelope.record import Record

ERASED = ("/input/body", "/input/messages", "/input/texts", "/input/http/headers")
"""What OPA would have logged of the input, and no receipt has."""

_FLOW = ("operation", "dialect", "method", "host", "path", "model", "stream", "correlationId")


def event_of(record: Record) -> dict[str, Any]:
    """Return the event of a receipt; `decision_id` is the receipt's id."""
    said = record.predicate
    flow, boundary = said.get("flow") or {}, said["boundary"]
    event: dict[str, Any] = {
        "decision_id": record.id,
        "timestamp": said["decidedAt"],
        "path": f"helm/{said['phase']}",
        "labels": {
            "app": "helm-boundary",
            "id": boundary["id"],
            "version": boundary["version"],
            "writer": said["sequence"]["writer"],
        },
        "input": _input(said, flow),
        "erased": list(ERASED) if flow else [],
        "result": _result(said),
    }
    policy = said.get("policy")
    if policy:
        event["bundles"] = {policy["uri"]: {"revision": policy["digest"]["sha256"]}}
    if "traceId" in flow:
        event |= {"trace_id": flow["traceId"], "span_id": flow["spanId"]}
    took = (said.get("outcome") or {}).get("requestMicroseconds")
    if took is not None:
        event["metrics"] = {"timer_helm_request_ns": took * 1000}
    return event


def _input(said: dict[str, Any], flow: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"phase": said["phase"]}
    if flow:
        found["flow_id"] = flow["id"]
        found |= {name: flow[name] for name in _FLOW if name in flow}
    for name in ("client", "toolCalls", "event", "approval"):
        if name in said:
            found[name] = said[name]
    return found


def _result(said: dict[str, Any]) -> dict[str, Any]:
    result = {name: said[name] for name in ("verdict", "enforcement", "reasons")}
    return result | {name: said[name] for name in ("outcome", "coverage") if name in said}
