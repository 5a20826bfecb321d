"""A request for approval in words, for whoever decides on it: all of it, or the cells of a row.

Nearly all of it was written by a client or a model, so whatever could steer a terminal is an
escape, and texts are indented under headings of ours, which they can't imitate.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from helm_receipts.export.explain import printable

from .entry import GRANTED, PENDING, Entry, Request
from .summary import tools_of


def seconds_left(entry: Entry, now_ns: int) -> int:
    """Count the seconds until the request, or the grant of it, is void; 0 from then on."""
    return max(0, -(-(entry.expires_ns - now_ns) // 10**9))


def caller_of(request: Request) -> str:
    """Name who called: the user who signed in, else the beginning of their key's pseudonym."""
    return request.client.principal or f"key {(request.client.key_id or '-')[:8]}"


def subject_of(request: Request, characters: int) -> str:
    """Name what is decided on: the tools with so much of their arguments, else the operation."""
    return "; ".join(tools_of(request.summary, characters)) or request.flow.operation


def rules_of(request: Request) -> str:
    """Name the rules that ask for a person, each once."""
    return ",".join(dict.fromkeys(reason.rule for reason in request.reasons))


def sentences(entry: Entry, now_ns: int) -> list[str]:
    """Write everything that a person may see, in lines."""
    return [printable(line) for line in _lines(entry, now_ns)]


def _lines(entry: Entry, now_ns: int) -> Iterator[str]:
    request, status = entry.request, entry.status(now_ns)
    left = f", {seconds_left(entry, now_ns)} s left" if status in (PENDING, GRANTED) else ""
    yield f"Approval {entry.id}: {status}{left}"
    yield f"  asked       {_clock(request.created_ns)}, void from {_clock(entry.expires_ns)} on"
    yield from _decided(entry)
    yield (
        f"  for         {request.client.principal or 'nobody signed in'}, API key pseudonym "
        + (request.client.key_id or "none")[:16]
    )
    yield f"  call        {request.flow.operation}, {request.summary.get('to', '')}"
    yield f"  model       {request.flow.model or 'not named'}"
    waited = "its client was made to wait" if request.held else "the client may ask again"
    yield f"  judged      its {request.phase}; {waited}"
    for reason, message in zip(request.reasons, request.messages, strict=False):
        where = f" at {reason.pointer}" if reason.pointer else ""
        yield f"  reason      {message}"
        yield f"              {reason.code} from {reason.rule}{where}"
    summary: Mapping[str, Any] = request.summary
    yield from _calls(summary)
    yield from _answer(summary.get("answer"))
    yield from _texts("says", summary)
    yield from _beside(summary)
    if request.binding.volatile and request.phase == "request":
        yield f"  may differ  {request.binding.volatile}"
    yield f"  policy      {request.policy.digest[:16]}… from {request.policy.uri}"
    yield f"  receipt     {request.request_receipt}"


def _decided(entry: Entry) -> Iterator[str]:
    if entry.decided is not None:
        decided = entry.decided
        yield f"  {decided.decision:<11} by {decided.by}, {_clock(decided.at_ns)}"
        yield f"              receipt {decided.receipt}"
        if decided.until_ns:
            where = " in its session" if decided.session else ""
            yield f"  good        for calls like it{where}, until {_clock(decided.until_ns)}"
    if entry.ended is not None:
        yield f"  {entry.ended.end:<11} {_clock(entry.ended.at_ns)}"


def _answer(answer: Mapping[str, Any] | None) -> Iterator[str]:
    """Write the tool calls first: they are what is decided on."""
    if answer is None:
        return
    yield from _calls(answer)
    yield from _texts("answered", answer)


def _calls(told: Mapping[str, Any]) -> Iterator[str]:
    for call in told.get("tool_calls", ()):
        yield f"  tool call   {call['name']}"
        yield from _indented(call["arguments"])
        yield from _not_shown(call.get("omitted", 0), "characters of these arguments")
    yield from _not_shown(told.get("more", 0), "tool calls")


def _texts(heading: str, told: Mapping[str, Any]) -> Iterator[str]:
    yield from _not_shown(told.get("earlier", 0), "earlier messages")
    for text in told.get("texts", ()):
        yield f"  {heading:<11} {text['role']} {text['pointer']}"
        yield from _indented(text["text"])
        yield from _not_shown(text.get("omitted", 0), "characters of this text")


def _beside(summary: Mapping[str, Any]) -> Iterator[str]:
    if summary.get("tools"):
        yield f"  tools       {', '.join(summary['tools'])}"
        yield from _not_shown(summary.get("more_tools", 0), "tools")
    if summary.get("attachments"):
        yield f"  attached    {summary['attachments']}, none of them shown here"


def _not_shown(count: int, what: str) -> Iterator[str]:
    if count:
        yield f"  NOT SHOWN   {count} more {what}"


def _indented(text: str) -> Iterator[str]:
    for line in text.splitlines() or [""]:
        yield f"            | {line}"


def _clock(nanoseconds: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(nanoseconds // 10**9))
