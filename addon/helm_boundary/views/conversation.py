"""The conversation: messages in order, tool calls with their arguments, streams put together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata

from helm_boundary.calls.call import (
    UNREAD,
    Answer,
    Attachment,
    Call,
    HttpRequest,
    HttpResponse,
    Message,
    Operation,
    ToolCall,
)
from helm_boundary.calls.hosts import DEFAULT_HOSTS, parse_host_pattern
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import DIALECTS
from helm_boundary.flows.conversion import read_request
from helm_boundary.flows.notes import KEY
from helm_boundary.matching.catalogue import UNKNOWN
from helm_boundary.matching.matcher import Matcher
from helm_boundary.parsing import requests as recognition
from helm_boundary.parsing import responses as answering
from helm_receipts.export.explain import printable

LIMIT = 8 << 20
"""Bytes that are laid out for a person; more isn't read."""

_matcher = Matcher(tuple(parse_host_pattern(host) for host in DEFAULT_HOSTS))


_SHOWN = ("text", "input_text", "output_text", "tool_use")
"""Parts of a message that are laid out below its heading; the others are named in it."""


class Conversation(Contentview):
    """A request or response of any dialect, as a person reads it."""

    name = "Conversation"
    syntax_highlight = "none"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """Write the text of a call or an answer; raises ValueError where it is neither."""
        try:
            return self._write(data, metadata)
        except ValueError:
            raise
        except Exception as error:  # anybody may have written the file that a flow comes from
            raise ValueError(f"expected a flow as it is recorded, found {error!r}") from error

    def _write(self, data: bytes, metadata: Metadata) -> str:
        flow = metadata.flow
        if not isinstance(flow, http.HTTPFlow):
            raise ValueError("expected an HTTP flow")
        operation = _operation(flow)
        if operation is None:
            raise ValueError("expected a call of an API that helm-boundary knows")
        try:
            if isinstance(metadata.http_message, http.Response):
                asked = _asked(flow, operation)
                lines = show_answer(_answer(operation, metadata.http_message, data, asked))
            else:
                lines = show_call(operation, _call(flow, operation, data))
        except Refusal as refusal:
            raise ValueError(refusal.message) from refusal
        return "\n".join(printable(line) or " " for line in lines)

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Rank this view before JSON's own for what was judged, or is known by its address."""
        flow = metadata.flow
        if not data or not isinstance(flow, http.HTTPFlow) or metadata.http_message is None:
            return -1
        try:
            operation = _operation(flow)
        except Exception:  # mitmproxy shows no flow at all whose rank fails
            return -1
        return 2 if operation is not None and operation.dialect != "generic" else -1


def show_call(operation: Operation, call: Call) -> Iterator[str]:
    """Write a request in lines."""
    yield f"{operation.id}  {call.model or ''}{'  (streamed)' if call.stream else ''}".rstrip()
    set_ = {name: value for name, value in call.parameters.items() if value is not None}
    if set_:
        yield "  ".join(f"{name} {json.dumps(value)}" for name, value in set_.items())
    for made in call.tool_calls:
        yield from _tool_call(made)
    yield from _messages(call.messages)
    if not call.messages:
        for text in call.texts:
            yield from _block(f"{text.role} {text.pointer}", text.text)
    if call.tools:
        yield ""
        yield "tools offered"
        for tool in call.tools:
            yield f"    {tool.name}  {tool.description.partition(chr(10))[0][:120]}".rstrip()
    yield from _attachments(call.attachments)


def show_answer(answer: Answer) -> Iterator[str]:
    """Write a response in lines; a stream is shown as its final message."""
    reasons = ", ".join(filter(None, answer.finish_reasons))
    yield "  ".join(filter(None, (str(answer.status), answer.model, reasons)))
    usage = answer.usage
    if usage.input_tokens is not None or usage.output_tokens is not None:
        yield f"tokens  {usage.input_tokens} in, {usage.output_tokens} out"
    if not answer.complete:
        yield "(the stream ended before its time)"
    yield from _messages(answer.messages)
    told = {id(call) for message in answer.messages for call in message.tool_calls}
    rest = [call for call in answer.tool_calls if id(call) not in told]
    shown = {(c.name, c.arguments_text) for m in answer.messages for c in m.tool_calls}
    for call in rest:
        if (call.name, call.arguments_text) not in shown:
            yield from _tool_call(call)
    if not answer.messages:
        for text in answer.texts:
            yield from _block(f"{text.role} {text.pointer}", text.text)
    yield from _servers(answer)
    yield from _attachments(answer.attachments)


def _servers(answer: Answer) -> Iterator[str]:
    """Write what an MCP server lists, and what it asks its client for."""
    if answer.tools:
        yield ""
        yield "tools listed"
    for tool in answer.tools:
        digest = (tool.digest or "")[:16]
        yield f"    {tool.name}  {digest}…  {tool.description.partition(chr(10))[0][:120]}".rstrip()
    for asked in answer.requests:
        yield "  ".join(filter(None, ("asks for", asked.method, asked.mode, asked.host)))


def _messages(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        others = ", ".join(part for part in message.parts if part not in _SHOWN)
        role = message.role if message.role.isidentifier() else json.dumps(message.role)
        about = [role, message.name, message.tool_call_id, others and f"({others})"]
        yield from _block("  ".join(filter(None, about)), message.text)
        for call in message.tool_calls:
            yield from _tool_call(call)


def _tool_call(call: ToolCall) -> Iterator[str]:
    # In the first column, where no text can imitate it.
    name = call.name if call.server is None else f"{call.name} ({call.server})"
    yield f"-> {name}{'  ' + call.id if call.id else ''}"
    text = call.arguments_text
    if call.valid_json:
        text = json.dumps(call.arguments, indent=2, ensure_ascii=False)
    yield from _indented(text, "    ")


def _attachments(attachments: Iterable[Attachment]) -> Iterator[str]:
    found = list(attachments)
    if found:
        yield ""
        yield "attachments"
    for attachment in found:
        size = "" if attachment.bytes is None else f"{attachment.bytes} bytes inline"
        where = f"at {attachment.host}" if attachment.host else ""
        facts = [attachment.kind, attachment.media_type, size, where, attachment.pointer]
        yield "    " + "  ".join(filter(None, facts))


def _block(heading: str, text: str) -> Iterator[str]:
    yield ""
    yield heading
    yield from _indented(text, "    ")


def _indented(text: str, margin: str) -> Iterator[str]:
    return (margin + line for line in text.splitlines())


def _operation(flow: http.HTTPFlow) -> Operation | None:
    known = flow.metadata.get(KEY)
    if isinstance(known, dict) and known.get("dialect") in DIALECTS:
        return Operation(
            str(known.get("operation")), "", known["dialect"], flow.request.method, "", loose=True
        )
    try:
        return recognition.recognise(_matcher, read_request(flow), LIMIT)
    except Refusal:
        return UNKNOWN


def _call(flow: http.HTTPFlow, operation: Operation, data: bytes) -> Call:
    kept = tuple(
        (name, value)
        for name, value in flow.request.headers.items()
        if name.lower() == "content-type"
    )
    request = HttpRequest(flow.request.method, "http", "", 80, "/", "", kept, data[:LIMIT])
    return recognition.read_call(request, operation, LIMIT).call


def _asked(flow: http.HTTPFlow, operation: Operation) -> Call:
    """Read the call that is answered, as far as it can be read."""
    try:
        return _call(flow, operation, flow.request.get_content(strict=False) or b"")
    except Refusal:
        return UNREAD


def _answer(operation: Operation, message: http.Response, data: bytes, asked: Call) -> Answer:
    kept = (("content-type", message.headers.get("content-type", "")),)
    response = HttpResponse(message.status_code, kept, data[:LIMIT])
    return answering.read_answer(operation, response, LIMIT, asked).answer
