"""The trace that a request belongs to, as its `traceparent` header says it.

Source: https://www.w3.org/TR/trace-context/, section 3.2.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A trace, a span in it, and the flags, all in lower-case hex."""

    trace_id: str
    span_id: str
    flags: str = _SAMPLED

    @property
    def header(self) -> str:
        """The header's value, version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def parse_traceparent(text: str | None) -> TraceContext | None:
    """Parse a header; None for none, and for one that the specification says to ignore."""
    found = _HEADER.fullmatch(text.strip()) if text else None
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    if not int(found[2], 16) or not int(found[3], 16):
        return None
    return TraceContext(found[2], found[3], found[4])


def traceparent_of(header: str | None, message: Any) -> str | None:
    """Return what names a call's parent: an MCP message's own `_meta`, else the request's header.

    The message may be one of several that a client sends over the same requests (SEP-414).
    """
    params = message.get("params") if isinstance(message, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    told = meta.get("traceparent") if isinstance(meta, dict) else None
    return told if isinstance(told, str) and parse_traceparent(told) is not None else header


@dataclass(frozen=True, slots=True)
class CallTrace:
    """The spans of one call: the client's, if it sent one, ours for it, and the provider's leg.

    `linked` is another span that the request names: of the transport, where a message has its own.
    """

    caller: TraceContext | None
    call: TraceContext
    leg: TraceContext
    linked: TraceContext | None = None


def begin_trace(traceparent: str | None, header: str | None = None) -> CallTrace:
    """Continue a trace, or begin one; `header` is the request's, where that isn't what is meant."""
    caller, linked = parse_traceparent(traceparent), parse_traceparent(header)
    trace_id = caller.trace_id if caller else secrets.token_hex(16)
    flags = caller.flags if caller else _SAMPLED

    def span() -> TraceContext:
        return TraceContext(trace_id, secrets.token_hex(8), flags)

    return CallTrace(caller, span(), span(), linked if linked != caller else None)
