"""From a whole response to the answer it gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from helm_boundary.calls.call import Answer, HttpResponse, Json, Operation
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.dialects import SOCKETS, generic, reader_of
from helm_boundary.streaming.sse import EventCutter
from helm_boundary.streaming.stream import Stream
from helm_boundary.wire import content_coding, strict_json

from .generic_stream import GenericStream

EVENT_STREAM = "text/event-stream"
_BINARY = ("audio/", "image/", "video/", "application/octet-stream", "application/zip")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a response says; `body` is its JSON value, or None where it isn't one JSON value."""

    answer: Answer
    body: Json


def media_type(response: HttpResponse) -> str:
    """The response's media type in lower case, without parameters."""
    return _media_type(response.header("content-type") or "")


@lru_cache(maxsize=32)
def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def is_event_stream(response: HttpResponse) -> bool:
    """Whether the response is a stream of server-sent events."""
    return media_type(response) == EVENT_STREAM


def read_answer(operation: Operation, response: HttpResponse, limit: int) -> Answered:
    """What a whole response says.

    Raises:
        Refusal: it can't be decoded or read, so it can't be judged.
    """
    if response.status == 101:
        return Answered(Answer(101), None)
    body = content_coding.decode(response.body, response.header("content-encoding"), limit)
    if is_event_stream(response):
        return Answered(_read_events(operation, response.status, body), None)
    is_other = response.status >= 300  # a redirect or an error, which has a form of its own
    if not body and (is_other or response.status in (204, 205)):
        return Answered(Answer(response.status), None)
    reader = generic if is_other else reader_of(operation)
    takes_all = operation.loose or reader is generic
    if takes_all and not _is_json(response) and not _is_one_value(body):
        return Answered(_read_other(response, body), None)
    value = strict_json.parse(body, "the upstream's answer")
    return Answered(reader.read_response(response.status, value), value)


def _is_json(response: HttpResponse) -> bool:
    kind = media_type(response)
    return kind == "application/json" or kind.endswith("+json")


def _is_one_value(body: bytes) -> bool:
    """Tell whether a body that doesn't claim to be JSON is one object or list of it."""
    try:
        return isinstance(strict_json.parse(body), dict | list)
    except Refusal:
        return False


def _read_other(response: HttpResponse, body: bytes) -> Answer:
    """What isn't JSON is one text, or sound, a picture or a file, in which there is none."""
    try:
        text = body.decode("utf-8")
        return generic.read_response(response.status, _json_lines(body) or text)
    except UnicodeDecodeError:
        if media_type(response).startswith(_BINARY):
            return Answer(response.status)
        raise schema_violation("the upstream's answer is neither JSON nor UTF-8 text") from None


def _json_lines(body: bytes) -> list[Json]:
    """The values of a file of JSON lines, as a batch's results are; empty where it is none."""
    lines = [line for line in body.splitlines() if line.strip()]
    try:
        return [strict_json.parse(line, "a line") for line in lines]
    except Refusal:
        return []


def _read_events(operation: Operation, status: int, body: bytes) -> Answer:
    reading: Stream | None = reader_of(operation).open_stream(status)
    reading = reading or GenericStream(status, len(body))
    cutter = EventCutter(len(body))
    for event in cutter.feed(body):
        reading.read(event)
    rest = cutter.finish()
    if rest is not None:
        reading.read(rest)
    return reading.answer()


def refuse_at_headers(operation: Operation, response: HttpResponse) -> Refusal | None:
    """Why a response can't be judged, as far as its headers tell; None if it can."""
    if response.status == 101 and operation.dialect not in SOCKETS:
        return schema_violation("the upstream changed protocols, which this call didn't ask for")
    codings = (response.header("content-encoding") or "identity").strip().lower()
    if is_event_stream(response) and codings != "identity":
        return schema_violation("the upstream compressed its stream; it can't be judged as it runs")
    try:
        if is_event_stream(response) or _is_json(response):
            content_coding.check_charset(response.header("content-type"))
    except Refusal as refusal:
        return refusal
    return None
