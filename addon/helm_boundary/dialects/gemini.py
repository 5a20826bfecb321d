"""Gemini's own API: `:generateContent` and `:streamGenerateContent`, at Google and on Vertex AI.

Source: the references of the Gemini API and of Vertex AI, `GenerateContentRequest` and
`GenerateContentResponse`. Servers and clients take members in camel and in snake case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Message, Text
from helm_boundary.calls.texts import TOOL, attachments
from helm_boundary.streaming.stream import Stream

from .event_data import write_event
from .gemini_partial_calls import PartialCalls
from .gemini_parts import file_attachments, listed, member, read_message, read_tools, texts_of
from .gemini_stream import GeminiStream, whole_texts
from .json_shape import as_object, as_objects, text_of

_PARAMETERS = {
    "candidateCount": "n", "maxOutputTokens": "max_output_tokens", "seed": "seed",
    "stopSequences": "stop", "temperature": "temperature", "topK": "top_k", "topP": "top_p",
}  # fmt: skip


def read_request(body: Json) -> Call:
    """Read the call that a body asks for; the model is the path's.

    Raises:
        Refusal: no object, or contents that aren't a list of objects.
    """
    body = as_object(body, "the body")
    contents = listed(body.get("contents"), "contents")
    config = member(body, "generationConfig")
    settings = config if isinstance(config, dict) else {}
    asked = {told: value for name, told in _PARAMETERS.items()
             if (value := member(settings, name)) is not None}  # fmt: skip
    return Call(
        model=text_of(body.get("model")) or None,
        messages=tuple(_messages(body, contents)),
        tools=tuple(read_tools(body.get("tools"))),
        tool_choice=member(body, "toolConfig"),
        texts=tuple(_texts(body, contents)),
        attachments=(
            *attachments(body.get("contents"), "/contents"),
            *(file for at, each in _places(body, contents) for file in file_attachments(each, at)),
        ),
        parameters=asked,
        body=body,
    )


_OWN_TEXTS = frozenset({"contents", "systemInstruction", "system_instruction"})


def _messages(body: dict[str, Json], contents: list[dict[str, Json]]) -> Iterator[Message]:
    system = member(body, "systemInstruction")
    if system is not None:
        yield from read_message(system, "system", "/systemInstruction")
    calls = PartialCalls(are_asked_for=True)  # Google's SDK sends a stream's pieces back one by one
    for where, content in _places(body, contents):
        role = _role(content)
        if role != "assistant":
            calls = PartialCalls(are_asked_for=True)
        yield from read_message(content, role, where, calls.read)


def _texts(body: dict[str, Json], contents: list[dict[str, Json]]) -> Iterator[Text]:
    for where, content in _places(body, contents):
        yield from texts_of(content, where, _speaker(content))
    yield from texts_of(member(body, "systemInstruction"), "/systemInstruction", "system")
    others = {key: value for key, value in body.items() if key not in _OWN_TEXTS}
    yield from texts_of(others, "", "request")


def _places(
    body: dict[str, Json], contents: list[dict[str, Json]]
) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield each content with its pointer; one may stand where a list does."""
    is_one = isinstance(body.get("contents"), dict)
    for at, content in enumerate(contents):
        yield "/contents" if is_one else f"/contents/{at}", content


def read_response(status: int, body: Json) -> Answer:
    """Read what a whole answer says, or a stream's events that come as one list.

    Raises:
        Refusal: a shape in which a tool call could hide.
    """
    stream = GeminiStream(status)
    for value in as_objects(body if isinstance(body, list) else [body], "the answer"):
        stream.take(value)
    answer = stream.whole()
    return replace(answer, texts=whole_texts(body)) if isinstance(body, dict) else answer


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of an answer's events."""
    return GeminiStream(status, asked)


def error_event(told: dict[str, Any]) -> bytes:
    """Write the API's error object where an answer would be: its SDKs raise on it."""
    error = {**told["error"], "status": "PERMISSION_DENIED", "code": 403}
    event = {**told, "error": {**error, "reason": told["error"]["code"]}}
    return write_event(event)


def _speaker(content: dict[str, Json]) -> str:
    """Return whose a content's texts are: the tool's, or the user's who sends them all."""
    return TOOL if _role(content) == TOOL else "user"


def _role(content: dict[str, Json]) -> str:
    return {"model": "assistant", "function": TOOL}.get(text_of(content.get("role")), "user")
