"""Completions of old: `POST /v1/completions`. Text in, text out, no tools.

Source: `CreateCompletionRequest` and `CreateCompletionResponse` in OpenAI's description.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import Answer, Call, Json, Message, Usage
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import attachments, strings
from helm_boundary.streaming.sse import Event
from helm_boundary.streaming.stream import Stream, UnheldStream
from helm_boundary.wire import strict_json

from . import chat
from .chat_call_signs import NO_SIGNS, signs_of_calls
from .chat_stream import OWN_MEMBERS
from .json_shape import as_flag, as_model, as_object, as_objects, index_of, text_of
from .told_texts import ToldTexts, each_once

_SILENT = frozenset({"index", "finish_reason", "logprobs"})
"""The members of a choice in which nobody says anything."""


def read_request(body: Json) -> Call:
    """The call that a completion's body asks for; a prompt of token numbers can't be judged.

    Raises:
        Refusal: no object, no model, or a prompt that isn't text.
    """
    body = as_object(body, "the body")
    prompt = body.get("prompt", "")
    prompts = prompt if isinstance(prompt, list) else [prompt]
    if not all(isinstance(text, str) for text in prompts):
        raise schema_violation("the prompt is tokens, which can't be judged; send it as text")
    rest = {key: value for key, value in body.items() if key != "prompt"}
    return Call(
        model=as_model(body),
        stream=as_flag(body, "stream"),
        messages=tuple(_messages(prompt)),
        texts=(*strings({"prompt": prompt}, "", "user"), *strings(rest, "", "request")),
        attachments=tuple(attachments(body, "")),
        parameters={key: value for key, value in rest.items() if isinstance(value, int | float)},
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """What a whole completion says; some providers put a chat's message in a choice (Mistral's).

    Raises:
        Refusal: no list of choices, or a shape in which a tool call could hide.
    """
    body = as_object(body, "the answer")
    if "error" in body and not body.get("choices"):
        return chat.read_error(status, body)
    choices = as_objects(body.get("choices"), "choices")
    told = [choice["message"] for choice in choices if isinstance(choice.get("message"), dict)]
    chat.refuse_stray_calls(body, told)
    messages = tuple(_choice(choice, at) for at, choice in enumerate(choices))
    beside = {key: value for key, value in body.items() if key not in OWN_MEMBERS}
    return Answer(
        status,
        model=text_of(body.get("model")) or None,
        finish_reasons=tuple(text_of(choice.get("finish_reason")) for choice in choices),
        messages=messages,
        texts=(*strings(choices, "/choices", "assistant"), *strings(beside, "", "assistant")),
        tool_calls=tuple(call for message in messages for call in message.tool_calls),
        usage=chat.read_usage(body.get("usage")),
    )


def _choice(choice: dict[str, Json], at: int) -> Message:
    message = choice.get("message")
    if isinstance(message, dict):
        return chat.read_message(
            as_object(message, "a choice's message"), f"/choices/{at}/message", at
        )
    return Message("assistant", text_of(choice.get("text")), f"/choices/{at}")


def open_stream(status: int) -> Stream:
    """A reader of `text_completion` events."""
    return CompletionStream(status)


def error_event(told: dict[str, Any]) -> bytes:
    """The same as in a chat completion's stream."""
    return chat.error_event(told)


class CompletionStream(UnheldStream):
    """Text only: nothing is ever held, and a tool call is refused as out of place."""

    def __init__(self, status: int) -> None:
        self.done = False
        self._status = status
        self._texts: dict[int, list[str]] = {}
        self._told = ToldTexts()
        self._model: str | None = None
        self._usage = Usage()
        self._finish: dict[int, str] = {}

    def read(self, event: Event) -> None:
        """Take one event in; Refusal where it isn't a chunk of a completion."""
        if event.data is None:
            return
        if event.data.strip() == b"[DONE]":
            self.done = True
            return
        if self.done:
            raise schema_violation("the stream goes on after its end")
        chunk = as_object(strict_json.parse(event.data, "an event of the stream"), "an event")
        if signs_of_calls(chunk) != NO_SIGNS:
            raise schema_violation("a completion's stream carries what isn't a completion")
        self._model = text_of(chunk.get("model")) or self._model
        self._usage = chat.read_usage(chunk["usage"]) if chunk.get("usage") else self._usage
        self._told.tell(strings(_without(chunk, OWN_MEMBERS), "", "assistant"))
        for choice in as_objects(chunk.get("choices") or [], "choices"):
            self._read_choice(choice)

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """The texts so far."""
        said = {index: "".join(parts) for index, parts in sorted(self._texts.items())}
        return Answer(
            self._status,
            model=self._model,
            finish_reasons=tuple(self._finish.values()),
            messages=tuple(Message("assistant", t, f"/choices/{i}") for i, t in said.items()),
            texts=each_once(self._told.texts()),
            usage=self._usage,
            complete=self.done,
        )

    def _read_choice(self, choice: dict[str, Json]) -> None:
        if {"delta", "message"} & choice.keys():
            raise schema_violation("a completion's stream carries what isn't a completion")
        index = index_of(choice.get("index", 0), "a choice")
        self._texts.setdefault(index, []).append(text_of(choice.get("text")))
        rest = strings(_without(choice, _SILENT), f"/choices/{index}", "assistant")
        self._told.grow_all(rest)  # a model that reasons tells that beside its text
        if text_of(choice.get("finish_reason")):
            self._finish[index] = choice["finish_reason"]


def _without(value: dict[str, Json], names: frozenset[str]) -> dict[str, Json]:
    return {key: item for key, item in value.items() if key not in names}


def _messages(prompt: Json) -> list[Message]:
    if isinstance(prompt, list):
        return [Message("user", text, f"/prompt/{at}") for at, text in enumerate(prompt)]
    return [Message("user", text_of(prompt), "/prompt")]
