"""WebSockets of a recording: the events of the client that are calls, each with its answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from helm_boundary.calls.call import Answer, HttpRequest, Operation
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import SOCKETS, dialect
from helm_boundary.dialects.realtime import begins_response, is_sound
from helm_boundary.enforcement.websocket_session import ENDS, without_handshake
from helm_boundary.flows.recording import RecordedMessage
from helm_boundary.parsing.parsed_call import Recognised
from helm_boundary.parsing.requests import read_call
from helm_boundary.streaming.message_cutter import MessageCutter
from helm_boundary.streaming.stream import Stream
from helm_boundary.wire import strict_json

MAX_BODY = 64 * 1_048_576


@dataclass(frozen=True, slots=True)
class SessionCall:
    """An event of the client's, read as a call.

    `lacks_answer` tells of one that asks for a response whose end isn't there.
    """

    request: HttpRequest
    read: Recognised
    answer: Answer | None = None
    lacks_answer: bool = False


def read_session(
    handshake: HttpRequest, operation: Operation, messages: Iterable[RecordedMessage]
) -> Iterator[SessionCall | Refusal]:
    """Yield the calls of a session as they ended, and why the boundary refuses an event."""
    if operation.dialect not in SOCKETS:
        return
    base = replace(without_handshake(handshake), method="POST")
    waiting: deque[SessionCall] = deque()
    stream = _open(operation)
    for message in messages:
        if not message.from_client:
            stream, ended = _hear(stream, operation, message)
            if ended is not None and waiting:
                yield replace(waiting.popleft(), answer=ended, lacks_answer=False)
            continue
        asked = _ask(replace(base, body=message.content), operation, message)
        if isinstance(asked, SessionCall) and asked.lacks_answer:
            waiting.append(asked)
        elif asked is not None:
            yield asked
    yield from waiting


def _ask(
    request: HttpRequest, operation: Operation, message: RecordedMessage
) -> SessionCall | Refusal | None:
    """Read a client's event; None for sound, which is no call."""
    try:
        event = strict_json.parse(message.content, "the event")
        if is_sound(event):
            return None
        read = read_call(request, operation, MAX_BODY)
    except Refusal as refusal:
        return refusal
    return SessionCall(request, read, lacks_answer=begins_response(event))


def _hear(
    stream: Stream, operation: Operation, message: RecordedMessage
) -> tuple[Stream, Answer | None]:
    """Read a server's event; returns the answer that ends with it, if one does."""
    try:
        event = strict_json.parse(message.content, "the event")
        for each in MessageCutter(MAX_BODY).feed(message.content):
            stream.read(each)
    except Refusal:  # what comes of it is read from the next response on
        return _open(operation), None
    kind = event.get("type") if isinstance(event, dict) else None
    return stream, stream.answer() if kind in ENDS else None


def _open(operation: Operation) -> Stream:
    stream = dialect(operation.dialect).open_stream(101)
    if stream is None:  # pragma: no cover - every socket's dialect has one
        raise TypeError(operation.dialect)
    return stream
