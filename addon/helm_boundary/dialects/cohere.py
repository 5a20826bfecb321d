"""Cohere's own API, version 2: `POST /v2/chat`.

Source: Cohere's API reference, Chat and Chat with streaming. A request is nearly a chat
completion's; an answer is one message, told by typed events where it streams.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Usage
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import strings
from helm_boundary.streaming.stream import Stream

from . import chat
from .answer_members import COHERE_ANSWER, COHERE_DELTA, COHERE_EVENT
from .chat_call_signs import Signs, signs_of_calls, tool_members
from .chat_calls import ChatCalls
from .chat_whole_calls import refuse_stray_calls
from .event_data import write_event
from .json_shape import as_object, index_of, text_of
from .partial_json import is_json
from .plain_stream import PlainStream
from .usage import read_usage, updated

_TELLING = ("content-", "message-", "tool-", "citation-")
_CALL_EVENTS = frozenset({"tool-call-start", "tool-call-delta", "tool-call-end"})


def read_request(body: Json) -> Call:
    """Read the call that a body asks for; Refusal as a chat completion's."""
    return chat.read_request(body)


def read_response(status: int, body: Json) -> Answer:
    """Read what a whole answer says.

    Raises:
        Refusal: a shape in which a tool call could hide.
    """
    body = as_object(body, "the answer")
    message = as_object(body.get("message"), "the answer's message")
    refuse_stray_calls(body, [message])
    reason = text_of(body.get("finish_reason"))
    read = chat.read_message(message, "/message", 0, reason.lower())
    return Answer(
        status,
        id=text_of(body.get("id")) or None,
        finish_reasons=(reason,) if reason else (),
        messages=(read,),
        texts=(
            *strings(message, "/message", "assistant", tool_members),
            *strings(COHERE_ANSWER.others(body), "", "assistant", tool_members),
        ),
        tool_calls=read.tool_calls,
        usage=_usage(body.get("usage")),
    )


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of an answer's events."""
    return CohereStream(status)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's last event, with an error in it."""
    error = told["error"]
    delta = {"finish_reason": "ERROR", "error": error["message"]}
    event = {"type": "message-end", "delta": delta, **told}
    return write_event(event, "message-end")


def is_answer(told: dict[str, Json]) -> bool:
    """Tell whether an object, its members' names in lower case, is an answer of this API."""
    kind = told.get("type")
    if isinstance(kind, str) and kind.startswith(_TELLING):
        return True
    return isinstance(told.get("message"), dict) and "finish_reason" in told


class CohereStream(PlainStream):
    """Reads events; a call begins, grows by deltas and ends, by its index."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self._growing = ChatCalls("/tool_calls")
        self._begun: set[int] = set()
        self._open: set[int] = set()
        self._stopped: set[int] = set()
        """Calls that ended with arguments that aren't JSON, until it is known why."""
        self._complete: set[tuple[str, str]] = set()

    def _has_open(self) -> bool:
        return bool(self._open or self._stopped)

    def _read_object(self, value: dict[str, Json]) -> None:
        kind = text_of(value.get("type"))
        if kind.startswith(_TELLING):
            self._refuse_more()
        delta = as_object(value.get("delta") or {}, "an event's delta")
        message = as_object(delta.get("message") or {}, "an event's message")
        is_of_call, told = kind in _CALL_EVENTS, message.get("tool_calls")
        if kind.startswith("tool-call") and not is_of_call:
            raise schema_violation("the stream tells a tool call in a form that can't be judged")
        known = Signs(int(told is not None), signs_of_calls(told).calls)
        if signs_of_calls(value) != known or (told and not is_of_call):
            raise schema_violation("the stream carries a tool call where none belongs")
        self._tell(value, delta, message)
        if is_of_call:
            self._read_call(kind, value, told)
        elif kind == "message-end":
            self._end(delta)

    def _tell(
        self, value: dict[str, Json], delta: dict[str, Json], message: dict[str, Json]
    ) -> None:
        index = value.get("index")
        said = {key: part for key, part in message.items() if key != "tool_calls"}
        content = said.get("content")
        if isinstance(content, dict):
            self._said.append(text_of(content.get("text")))
        where = "/message" if index is None else f"/message/{index}"
        self._grow(strings(said, where, "assistant", tool_members))
        for others in (COHERE_DELTA.others(delta), COHERE_EVENT.others(value)):
            self._told.tell(strings(others, "", "assistant", tool_members))

    def _read_call(self, kind: str, value: dict[str, Json], told: Json) -> None:
        index = index_of(value.get("index"), "an event", 1024)
        if told:
            if kind == "tool-call-start" and index in self._begun:
                raise schema_violation("the stream starts a tool call twice")
            if kind == "tool-call-end":
                raise schema_violation("the stream tells more of a tool call at its end")
            if index in self._begun and index not in self._open:
                raise schema_violation("the stream goes on with a tool call that has ended")
            self._begun.add(index)
            call = as_object(told, "an event's tool call")
            self._growing.read([{**call, "index": index}], self._tell_rest)
            self._open.add(index)
        if kind == "tool-call-end":
            self._open.discard(index)
            words = "".join(each.words for each in self._growing.fragments if each.place == index)
            if words.strip() and not is_json(words):  # perhaps it was cut off; the end says so
                self._stopped.add(index)
            self._complete_calls("")

    def _tell_rest(self, rest: dict[str, Json], pointer: str) -> None:
        self._grow(strings(rest, pointer, "assistant"))

    def _complete_calls(self, finish: str) -> None:
        if self._has_open():
            return
        for call in self._growing.calls(0, "/message", finish):
            key = call.name, call.arguments_text
            if key not in self._complete:
                self._complete.add(key)
                self._calls.append(call)

    def _end(self, delta: dict[str, Json]) -> None:
        reason = text_of(delta.get("finish_reason"))
        if reason:
            self._reasons[0] = reason
        self._usage = updated(self._usage, _usage(delta.get("usage")))
        self._failed = self._failed or reason == "ERROR" or bool(delta.get("error"))
        self._ended = True
        self._open.clear()
        self._stopped.clear()
        if self._growing.fragments:
            self._complete_calls(reason.lower())


def _usage(usage: Json) -> Usage:
    """Read the tokens that were used, else those that are billed."""
    if not isinstance(usage, dict):
        return Usage()
    return updated(read_usage(usage.get("billed_units")), read_usage(usage.get("tokens")))
