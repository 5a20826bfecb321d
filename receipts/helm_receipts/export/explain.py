"""One receipt in sentences: what happened, why, what the receipt says and what it can't.

A receipt's texts came from outside (a model's name, a path, a tool's name), so whatever could
steer a terminal is written as an escape.
"""

from collections.abc import Iterator
from typing import Any

from helm_receipts.envelope.record import Record
from helm_receipts.envelope.statement import INSTEAD, RECEIVED, STREAM

from .sentences import is_observed, sentence

FINALITY = {
    "class_forbidden": "never allowed; asking again won't help",
    "ungranted": "allowed once somebody grants it",
    "instance_parameter": "allowed with another value",
    "instance_context": "not allowed in this session",
    "instance_membership": "not allowed for this target",
}
_PHASE = {
    "request": "Decision on a request",
    "tool_call": "Decision on tool calls inside a running stream",
    "outcome": "How a call ended",
    "approval": "A person's approval",
    "policy": "A change of policy",
    "key": "A change of keys",
    "session": "The recorder itself",
    "budget": "A balance that a person set",
}
_END = {
    "complete": "ran to its end",
    "denied": "was denied",
    "upstream_error": "failed upstream",
    "client_gone": "was abandoned by the client",
    "killed": "was cut off; how it would have ended isn't known",
}


_SUBJECT = {
    "request": "the request's body as it was forwarded",
    "response": "the answer's body as the client was sent it",
    RECEIVED: "the answer's body as it came from upstream, and was not sent",
    STREAM: "the bytes of the stream that left",
    INSTEAD: "what the client was sent in place of a denied tool call",
    "event": "the details above",
}
"""What each digest is of."""


def explain(record: Record) -> list[str]:
    """Explain a receipt in lines, without a newline at their ends."""
    lines = (*_lines(record.id, record.predicate), *_digests(record))
    return [printable(line) for line in lines]


def printable(text: str) -> str:
    """Replace control characters, bidirectional marks and the like by escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _lines(identity: str, said: dict[str, Any]) -> Iterator[str]:
    enforced = "OBSERVED ONLY, not enforced" if is_observed(said) else "enforced"
    yield f"Receipt {identity}: {_PHASE.get(said['phase'], said['phase'])}"
    yield f"  in short    {sentence(said)}"
    yield f"  verdict     {said['verdict']} ({enforced})"
    yield f"  decided at  {said['decidedAt']}"
    yield from _call(said.get("flow"))
    yield from _client(said.get("client"))
    for reason in said["reasons"]:
        yield from _reason(reason)
    yield from _end(said.get("outcome"))
    for call in said.get("toolCalls", ()):
        yield f"  tool call   {call['name']}: {call['verdict']}"
    yield from _budget(said)
    if "rewrite" in said:
        yield f"  rewritten   by {said['rewrite']['operations']} operations"
    if "approval" in said:
        approval = said["approval"]
        yield f"  approved    by {approval['by']} ({approval['id']})"
        yield f"              answering {approval['requestReceipt']}"
    for name, detail in (said.get("event") or {}).items():
        yield f"  {name:<11} {detail}"
    yield from _basis(said)


def _digests(record: Record) -> Iterator[str]:
    """Say which bytes each digest is of: those that were denied were not sent."""
    said = record.predicate
    kept = {"request"} if said["phase"] == "request" and said["verdict"] != "ALLOW" else set()
    kept |= {"response"} if (said.get("outcome") or {}).get("end") == "denied" else set()
    for subject in record.statement["subject"]:
        name = str(subject["name"])
        known = _SUBJECT.get(name, "bytes that this version has no word for")
        if name in kept and not is_observed(said):
            known = f"the {name}'s body as it came, and went no further"
        yield f"  digest of   {name}: {known}"


def _call(flow: dict[str, Any] | None) -> Iterator[str]:
    if flow is None:
        return
    stream = ", streamed" if flow["stream"] else ""
    tls = "read inside TLS" if flow["tlsInspected"] else "without TLS in between"
    yield f"  call        {flow['operation']} ({flow['dialect']}{stream}), {tls}"
    yield f"              {flow['method']} {flow['host']}{flow['path']}"
    yield f"  model       {flow['model'] or 'not named'}"
    yield f"  call id     {flow['id']} (correlation {flow['correlationId']})"


def _client(client: dict[str, Any] | None) -> Iterator[str]:
    if client:
        who = client.get("principal") or "nobody signed in"
        yield f"  client      {who}, API key pseudonym {client.get('keyId', 'none')[:16]}"


def _reason(reason: dict[str, Any]) -> Iterator[str]:
    where = f" at {reason['pointer']}" if reason.get("pointer") else ""
    yield f"  reason      {reason['code']}{where}, from {reason['rule']}"
    yield f"              {FINALITY.get(reason['finality'], reason['finality'])}"


def _end(outcome: dict[str, Any] | None) -> Iterator[str]:
    if outcome is None:
        return
    status = f", status {outcome['status']}" if outcome["status"] is not None else ""
    yield f"  the call    {_END.get(outcome['end'], outcome['end'])}{status}"
    usage = outcome["usage"]
    if usage["inputTokens"] is not None or usage["outputTokens"] is not None:
        yield f"  tokens      {usage['inputTokens']} in, {usage['outputTokens']} out"
    if outcome["modelServed"]:
        yield f"  served by   {outcome['modelServed']}, as the provider says"


def _budget(said: dict[str, Any]) -> Iterator[str]:
    for line in said.get("budget", ()):
        name = "charged" if "charged" in line else "reserved"
        amounts = ", ".join(f"{kind} {n}" for kind, n in line.get(name, {}).items() if n)
        counted = " (counted only)" if line.get("shadow") else ""
        yield f"  {name:<11} {amounts or 'nothing'}, of {line['scope']}{counted}"
        yield f"              in {line['window']}"
    if "cost" in said:
        cost = said["cost"]
        money = cost.get("nanodollars")
        known = "as the provider counts" if cost["usage"] == "provider" else "estimated"
        yield f"  cost        {'' if money is None else f'{money / 1e9:.6f} dollars, '}{known}"


def _basis(said: dict[str, Any]) -> Iterator[str]:
    if "policy" in said:
        policy = said["policy"]
        yield f"  policy      {policy['digest']['sha256'][:16]}… from {policy['uri']}"
        yield f"              evaluated by {policy['engine']}"
    if "coverage" in said:
        seen = said["coverage"]
        yield (
            f"  judged      request: {seen['request']}, response: {seen['response']}; "
            f"{seen['bytesJudged']} of {seen['bytesSeen']} bytes"
        )
    boundary = said["boundary"]
    yield f"  boundary    {boundary['id']}, version {boundary['version']}"
