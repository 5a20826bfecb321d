"""A chat completion's stream, put together from its deltas.

Source: `CreateChatCompletionStreamResponse` in OpenAI's description. The tests have the odd forms
that providers really send. A completion of old streams alike, with `text` in its choices.
"""

from __future__ import annotations

from collections import Counter

from helm_boundary.calls.call import Answer, Json, Usage
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import strings
from helm_boundary.streaming.sse import Event

from . import event_data
from .answer_members import COMPLETION
from .chat_call_signs import signs_of_calls, tool_members
from .chat_calls import beyond
from .chat_choice import ROLE, Choice, calls_of, key_of, message_of, read_choice, texts_of
from .chat_whole_calls import known_calls
from .json_shape import as_object, index_of, text_of
from .told_texts import ToldTexts
from .usage import chat_usage, updated

_HEAD = ("id", "object", "created", "model")


class ChatStream:
    """Reads events; knows which tool calls have begun and which are complete.

    `asked` is how many choices the client asked for.
    """

    def __init__(self, status: int, asked: int = 1) -> None:
        self._status = status
        self._asked = asked
        self._choices: dict[int, Choice] = {}
        self._model: str | None = None
        self._tier: str | None = None
        self._usage = Usage()
        self._beside = ToldTexts()
        self._ended = False
        self._failed = False
        self.done = False
        self.head: dict[str, Json] = {}
        """What every chunk says of the completion."""

    def read(self, event: Event) -> None:
        """Take one event in.

        Raises:
            Refusal: not JSON, not a chunk of a chat completion, or a tool call out of its place.
        """
        chunk = event_data.value(event)
        if chunk is not None:
            self._read_chunk(chunk, event.data or b"")
        elif event_data.is_end(event):
            self._ended = True
            for choice in self._choices.values():
                choice.finish("")
            self._note_end()

    @property
    def holds(self) -> bool:
        """Whether a tool call has begun that hasn't been judged."""
        # Asked at each event: a list of one or two is faster than a generator.
        return True in [choice.waits for choice in self._choices.values()]

    @property
    def ready(self) -> bool:
        """Whether every tool call begun is complete, and at least one waits for its verdict."""
        choices = self._choices.values()
        return any(c.waits for c in choices) and not any(c.is_open for c in choices)

    def mark_judged(self) -> None:
        """Note that what was waiting has been judged."""
        for index, choice in self._choices.items():
            if choice.waits:
                choice.judged |= Counter(map(key_of, calls_of(index, choice)))
                choice.waits = False

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Say what has come so far; with `waiting_only`, only unjudged tool calls."""
        choices = sorted(self._choices.items())
        calls = [
            call
            for index, choice in choices
            if choice.waits or not waiting_only
            for call in beyond(
                choice.judged if waiting_only else (), calls_of(index, choice), key_of
            )
        ]
        return Answer(
            self._status,
            model=self._model,
            id=text_of(self.head.get("id")) or None,
            service_tier=self._tier,
            finish_reasons=tuple(r for _, c in choices for r in dict.fromkeys(c.finish_reasons)),
            messages=tuple(message_of(i, c) for i, c in choices),
            texts=(*(t for i, c in choices for t in texts_of(i, c)), *self._beside.texts()),
            tool_calls=tuple(calls),
            usage=self._usage,
            complete=self.done and not waiting_only,
        )

    def _note_end(self) -> None:
        """Note whether the stream came to its end, by its own word or as all of its choices did."""
        choices = self._choices.values()
        finished = bool(choices) and all(choice.finish_reasons for choice in choices)
        self.done = (self._ended or finished) and not self._failed

    def _read_chunk(self, chunk: dict[str, Json], data: bytes) -> None:
        choices = chunk.get("choices")
        if self._ended and choices:
            raise schema_violation("the stream goes on after its end")
        self._model = text_of(chunk.get("model")) or self._model
        if b"service_tier" in data:
            self._tier = text_of(chunk.get("service_tier")) or self._tier
        if not self.head:
            self.head = {key: chunk[key] for key in _HEAD if key in chunk}
        if b"usage" in data or b"\\" in data:  # few chunks count anything
            self._usage = updated(self._usage, chat_usage(chunk))
        if others := COMPLETION.others(chunk):
            if others.get("error"):
                self._failed = True
                self._note_end()
            self._beside.tell(strings(others, "", ROLE, tool_members))
        known = self._read_choices(choices)
        if not _may_have_calls(data.lower()):
            return
        if signs_of_calls(chunk) != known_calls(known):
            raise schema_violation("the stream carries a tool call where none belongs")
        # Clients that ask for one choice take the first of each chunk for it, whatever its index.
        if sum(choice.has_calls for choice in self._choices.values()) > self._asked:
            raise schema_violation("the stream has tool calls in more choices than were asked for")

    def _read_choices(self, choices: Json) -> list[dict[str, Json]]:
        """Take the choices of a chunk in; returns where tool calls of theirs may stand."""
        if choices is None:
            return []
        if not isinstance(choices, list):
            raise schema_violation("an event's `choices` isn't a list")
        known = []
        for at, found in enumerate(choices):
            found = as_object(found, "a choice of the stream")
            given = found.get("index")
            index = index_of(at if given is None else given, "a choice of the stream", 128)
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = Choice()
            known += read_choice(choice, found, index)
            if found.get("finish_reason") or self.done:
                self._note_end()
        return known


def _may_have_calls(data: bytes) -> bool:
    """Tell whether any tool call may stand in an event's data; only then is it worth a walk."""
    return b"tool" in data or b"function" in data or b"arguments" in data or b"\\u" in data
