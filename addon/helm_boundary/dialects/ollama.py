"""Ollama's own API: `POST /api/chat` and `POST /api/generate`, which stream lines of JSON.

Source: Ollama's API reference. A message is a chat's, with a call's arguments as an object and
pictures beside its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Attachment, Call, Json, Text, Usage
from helm_boundary.calls.inline import decoded, text_in
from helm_boundary.calls.texts import strings
from helm_boundary.streaming.stream import Stream
from helm_boundary.wire.strict_json import dump_ascii

from . import chat, completions
from .answer_members import OLLAMA_LINE
from .chat_whole_calls import refuse_stray_calls, whole_calls
from .json_shape import as_object, text_of
from .plain_stream import PlainStream
from .usage import count_of, updated

_OF_FUNCTIONS = ("arguments", "index", "name")
_PARAMETERS = {"num_predict": "max_output_tokens", "temperature": "temperature", "top_p": "top_p"}


def read_request(body: Json) -> Call:
    """Read the call that a chat's or a prompt's body asks for; it streams unless told not to.

    Raises:
        Refusal: no object, no model, or a conversation in another shape.
    """
    body = as_object(body, "the body")
    plain, pictures = _without_pictures(body, "")
    # A client in Go that only loads a model writes null for no messages.
    is_chat = body.get("messages") is not None
    read = chat.read_request if is_chat else completions.read_request
    call = read(plain)
    options = body.get("options")
    known = options if isinstance(options, dict) else {}
    found = {told: known[name] for name, told in _PARAMETERS.items() if name in known}
    return replace(
        call,
        stream=body.get("stream") is not False,
        attachments=(*call.attachments, *pictures),
        parameters={**call.parameters, **found},
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """Read a whole answer.

    Raises:
        Refusal: a shape in which a tool call could hide.
    """
    stream = OllamaStream(status)
    value = as_object(body, "the answer")
    stream.take(value)
    texts = strings(_plain(value.get("message")), "/message", "assistant")  # where they stand
    texts += strings(_plain(OLLAMA_LINE.others(value)), "", "assistant")
    return replace(stream.answer(), texts=tuple(texts), complete=True)


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of an answer's lines."""
    return OllamaStream(status)


def error_event(told: dict[str, Any]) -> bytes:
    """Write a line with an `error`, on which Ollama's clients raise."""
    error = told["error"]
    line = {**told, "error": error["message"], "code": error["code"]}
    return dump_ascii(line) + b"\n"


class OllamaStream(PlainStream):
    """Reads lines; each tool call is whole in its own."""

    def take(self, line: dict[str, Json]) -> None:
        """Take one line in.

        Raises:
            Refusal: a shape in which a tool call could hide.
        """
        self._read_object(line)

    def _read_object(self, value: dict[str, Json]) -> None:
        self._refuse_more()
        message = as_object(value.get("message") or {}, "an answer's message")
        refuse_stray_calls(value, [message])
        self._model = text_of(value.get("model")) or self._model
        counts = count_of(value.get("prompt_eval_count")), count_of(value.get("eval_count"))
        self._usage = updated(self._usage, Usage(*counts))
        self._calls += whole_calls(message, "/message", 0, text_of(value.get("done_reason")))
        self._said += [text_of(message.get("content")), text_of(value.get("response"))]
        calls = {"tool_calls", "function_call"}
        said = {key: part for key, part in message.items() if key not in calls}
        self._grow(strings(_plain(said), "/message", "assistant"))
        self._told.tell(_beside_calls(message))
        self._grow(strings(_plain(OLLAMA_LINE.others(value)), "", "assistant"))
        if value.get("error"):
            self._failed = True
        if value.get("done") is True:
            self._ended = True
            if reason := text_of(value.get("done_reason")):
                self._reasons[0] = reason


def _beside_calls(message: dict[str, Json]) -> list[Text]:
    """List what tool calls say beside the function's name and arguments, which are judged."""
    calls = message.get("tool_calls")
    rest = [
        {
            **{key: said for key, said in call.items() if key not in ("function", "id", "type")},
            "function": {key: said for key, said in function.items() if key not in _OF_FUNCTIONS},
        }
        for call in (calls if isinstance(calls, list) else [])
        if isinstance(call, dict) and isinstance(function := call.get("function"), dict)
    ]
    return strings(rest, "/message/tool_calls", "assistant")


def _plain(value: Json) -> Json:
    return _without_pictures(value, "")[0]


def _without_pictures(value: Json, pointer: str) -> tuple[Json, list[Attachment]]:
    """Part a value from the pictures in it; what isn't one is left where it is, as a text."""
    found: list[Attachment] = []
    if isinstance(value, list):
        parted = [_without_pictures(item, f"{pointer}/{at}") for at, item in enumerate(value)]
        return [item for item, _ in parted], [each for _, more in parted for each in more]
    if not isinstance(value, dict):
        return value, found
    kept: dict[str, Json] = {}
    for key, item in value.items():
        if key == "images" and isinstance(item, list):
            kept[key] = list(_texts_among(item, f"{pointer}/images", found))
        elif key in ("messages", "message"):
            kept[key], more = _without_pictures(item, f"{pointer}/{key}")
            found += more
        else:
            kept[key] = item
    return kept, found


def _texts_among(images: list[Json], pointer: str, found: list[Attachment]) -> Iterator[Json]:
    for at, image in enumerate(images):
        content = decoded(image)
        if content is None or text_in(content) is not None:
            yield image
            continue
        digest = hashlib.sha256(image.encode()).hexdigest()
        found.append(Attachment(f"{pointer}/{at}", "image", None, None, len(content), digest))


def is_answer(told: dict[str, Json]) -> bool:
    """Tell whether an object, its members' names in lower case, is an answer of this API."""
    return "done" in told or (isinstance(told.get("error"), str) and len(told) == 1)
