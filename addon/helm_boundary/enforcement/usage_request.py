"""Asking for a stream's usage in its client's place, where a budget counts what only that tells."""

from __future__ import annotations

from dataclasses import replace

from helm_boundary.parsing.parsed_call import Recognised, read_value
from helm_boundary.wire import strict_json

_ASKS = ("chat", "completions")
"""The dialects whose streams tell their usage only when asked to."""
_ADDED = b',"stream_options":{"include_usage":true}}'


def asks_already(read: Recognised) -> bool:
    """Tell whether nothing need be asked: no such stream, or its client has asked."""
    if read.operation.dialect not in _ASKS or not read.call.stream or not read.can_rewrite:
        return True
    body = read.call.body
    if not isinstance(body, dict):
        return True
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        return True
    return options is not None and options.get("include_usage") is True


def asking(read: Recognised) -> Recognised:
    """Return the call with its stream's usage asked for; the client's own bytes stay around it."""
    body = read.call.body
    options = {**(body.get("stream_options") or {}), "include_usage": True}
    value = {**body, "stream_options": options}
    end = read.body.rstrip()
    if "stream_options" in body or len(body) == 0 or not end.endswith(b"}"):
        text = strict_json.dump(value)
    else:
        text = end[:-1] + _ADDED
    return replace(read, call=read_value(read.operation, value, read.model), body=text)
