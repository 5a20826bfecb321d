"""From a whole response to the answer it gives."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from helm_boundary.calls.call import UNREAD, Answer, Call, HttpResponse, Json, Operation
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.dialects import SOCKETS, STREAM_LINES, generic, mcp, reader_of
from helm_boundary.dialects.generic_stream import GenericStream, read_values
from helm_boundary.streaming.frame_cutter import MEDIA_TYPE, FrameCutter
from helm_boundary.streaming.gate import Cutter
from helm_boundary.streaming.sse import EventCutter
from helm_boundary.streaming.stream import Stream
from helm_boundary.wire import content_coding, strict_json

from .batch_results import Line, may_bring_results, merged, read_results

EVENT_STREAM = "text/event-stream"
JSON_LINES = frozenset(
    {"application/jsonl", "application/ndjson", "application/stream+json", "application/x-ndjson"}
)
_EVENTS = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*(?:data|event|id|retry)?:")
"""How a stream of events begins, whatever content type it has."""
_BINARY = (
    *("audio/", "font/", "image/", "video/", "application/octet-stream", "application/zip"),
    *("application/gzip", "application/pdf", "application/vnd.openxmlformats-officedocument."),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a response says; `body` is its JSON value, or None where it isn't one JSON value.

    `lines` are a batch's results, each to be judged by itself.
    """

    answer: Answer
    body: Json
    lines: tuple[Line, ...] = ()


def media_type(response: HttpResponse) -> str:
    """Return the response's media type in lower case, without parameters."""
    return _media_type(response.header("content-type") or "")


@lru_cache(maxsize=32)
def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def is_event_stream(response: HttpResponse) -> bool:
    """Tell whether the response is a stream of server-sent events."""
    return media_type(response) == EVENT_STREAM


def stream_of(operation: Operation, response: HttpResponse, asked: Call = UNREAD) -> Stream | None:
    """Open a reader of a response that is a stream in its operation's dialect.

    Redirects, errors and a batch's results are judged whole, whatever they claim to be.
    """
    if (
        not _comes_as_stream(operation, response)
        or response.status >= 300
        or may_bring_results(operation)
    ):
        return None
    return reader_of(operation).open_stream(response.status, asked)


def _comes_as_stream(operation: Operation, response: HttpResponse) -> bool:
    """Tell whether a response is labelled as a stream that its dialect has."""
    kind = media_type(response)
    if operation.framed:
        return kind == MEDIA_TYPE
    return kind == EVENT_STREAM or (operation.dialect in STREAM_LINES and kind in JSON_LINES)


def cutter_of(response: HttpResponse, limit: int) -> Cutter:
    """Return what cuts a response's stream into events; `limit` bounds one, in bytes."""
    return FrameCutter(limit) if media_type(response) == MEDIA_TYPE else EventCutter(limit)


def read_answer(
    operation: Operation, response: HttpResponse, limit: int, asked: Call = UNREAD
) -> Answered:
    """Read what a whole response says, to the call that `asked`.

    Raises:
        Refusal: it can't be decoded or read, so it can't be judged.
    """
    if response.status == 101:
        return Answered(Answer(101), None)
    body = content_coding.decode(response.body, response.header("content-encoding"), limit)
    if not body and (response.status >= 300 or response.status in (204, 205)):
        return Answered(Answer(response.status), None)
    if response.status >= 300:
        return _read_error(response, body)
    lines = read_results(operation, response.status, body)
    if lines:  # whatever it is labelled as: clients don't look
        return Answered(merged(lines), None, lines)
    reader = reader_of(operation)
    unasked = reader is mcp and not mcp.expects_answer(asked)
    if not body and (unasked or _may_be_silent(operation)):
        return Answered(Answer(response.status), None)
    if operation.framed and media_type(response) == MEDIA_TYPE:
        return Answered(_read_events(operation, response, body, asked), None)
    may_stream = reader is not generic
    if is_event_stream(response) or (may_stream and _is_stream(operation, response, body)):
        return Answered(_read_events(operation, response, body, asked), None)
    takes_all = operation.loose or reader is generic or unasked
    if takes_all and not _is_json(response) and not _is_one_value(body):
        return Answered(_read_other(response, body), None)
    value = strict_json.parse(body, "the upstream's answer")
    if reader is mcp:
        return Answered(_read_message(response.status, value, asked), value)
    return Answered(reader.read_response(response.status, value), value)


def _read_message(status: int, value: Json, asked: Call) -> Answer:
    """Read an MCP server's answer; where none is expected, nobody reads what comes."""
    if mcp.expects_answer(asked):
        mcp.check_answers(asked, value)
        return mcp.read_response(status, value)
    try:
        return mcp.read_response(status, value)
    except Refusal:
        return generic.read_response(status, value)


def _may_be_silent(operation: Operation) -> bool:
    """Tell whether an operation may be done without a word; a client waits for a model's."""
    return operation.category != "inference" and (operation.dialect == "generic" or operation.loose)


def _is_json(response: HttpResponse) -> bool:
    kind = media_type(response)
    return kind == "application/json" or kind.endswith("+json")


def _is_stream(operation: Operation, response: HttpResponse, body: bytes) -> bool:
    """Tell whether a body is a stream by what it is labelled as, how it begins, or its lines."""
    if media_type(response) in JSON_LINES or _EVENTS.match(body) is not None:
        return True
    return operation.dialect in STREAM_LINES and len(_json_lines(body) or ()) > 1


def _read_error(response: HttpResponse, body: bytes) -> Answered:
    """Read a redirect or an error, which is in nobody's dialect and often isn't what it claims."""
    try:
        value = strict_json.parse(body, "the upstream's answer")
    except Refusal:
        return Answered(_read_other(response, body), None)
    return Answered(generic.read_response(response.status, value), value)


def _is_one_value(body: bytes) -> bool:
    """Tell whether a body that doesn't claim to be JSON is one object or list of it."""
    try:
        return isinstance(strict_json.parse(body), dict | list)
    except Refusal:
        return False


def _read_other(response: HttpResponse, body: bytes) -> Answer:
    """Read what isn't JSON: one text, or sound, a picture or a file, in which there is none."""
    try:
        text = body.decode("utf-8")
        values = _json_lines(body)
        if values is None:
            return _read_text(response.status, text, body)
        return generic.read_response(response.status, values or text)
    except UnicodeDecodeError:
        if media_type(response).startswith(_BINARY):
            return Answer(response.status)
        if response.status >= 300:
            return generic.read_response(response.status, body.decode("utf-8", "replace"))
        raise schema_violation("the upstream's answer is neither JSON nor UTF-8 text") from None


def _read_text(status: int, text: str, body: bytes) -> Answer:
    """Read a text, and the tool calls in those of its lines that are JSON."""
    lines = [
        line
        for line in body.splitlines()
        if line.removeprefix(b"data:").lstrip()[:1] in (b"{", b"[")
    ]
    values = [found[0] for line in lines if (found := _json_lines(line))]
    calls = read_values(status, values).answer().tool_calls
    return replace(generic.read_response(status, text), tool_calls=calls)


def _json_lines(body: bytes) -> list[Json] | None:
    """Read the values of JSON lines, or of events; None where the body is neither."""
    lines = [line.removeprefix(b"data:") for line in body.splitlines() if line.strip()]
    try:
        return [strict_json.parse(line, "a line") for line in lines]
    except Refusal:
        return None


def _read_events(operation: Operation, response: HttpResponse, body: bytes, asked: Call) -> Answer:
    reading: Stream | None = reader_of(operation).open_stream(response.status, asked)
    reading = reading or GenericStream(response.status)
    cutter = cutter_of(response, len(body))
    for event in cutter.feed(body):
        reading.read(event)
    rest = cutter.finish()
    if rest is not None:
        reading.read(rest)
    return reading.answer()


def refuse_at_headers(operation: Operation, response: HttpResponse) -> Refusal | None:
    """Say why a response can't be judged, as far as its headers tell; None if it can."""
    if response.status == 101 and operation.dialect not in SOCKETS:
        return schema_violation("the upstream changed protocols, which this call didn't ask for")
    codings = (response.header("content-encoding") or "identity").strip().lower()
    streams = is_event_stream(response) or _comes_as_stream(operation, response)
    if streams and codings != "identity":
        return schema_violation("the upstream compressed its stream; it can't be judged as it runs")
    try:
        if is_event_stream(response) or _is_json(response):
            content_coding.check_charset(response.header("content-type"))
    except Refusal as refusal:
        return refusal
    return None
