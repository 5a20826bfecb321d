"""Chat completions: `POST /v1/chat/completions`, with `functions` of old.

Source: `CreateChatCompletionRequest` and `CreateChatCompletionResponse` in OpenAI's description.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Message, Text, Tool
from helm_boundary.calls.texts import TOOL, attachments, strings
from helm_boundary.streaming.stream import Stream

from .answer_members import COMPLETION
from .chat_call_signs import tool_members
from .chat_stream import ChatStream
from .chat_whole_calls import refuse_stray_calls, whole_calls
from .event_data import write_event
from .json_shape import as_flag, as_model, as_object, as_objects, text_of
from .usage import chat_usage

DOCUMENTS = "documents"
"""What an application looked up and passes on, as Cohere and others take it."""

_PARAMETERS = (
    "frequency_penalty", "logprobs", "max_completion_tokens", "max_tokens", "n",
    "parallel_tool_calls", "presence_penalty", "reasoning_effort", "seed", "service_tier",
    "store", "temperature", "top_logprobs", "top_p", "verbosity",
)  # fmt: skip

_LIMITS = ("max_completion_tokens", "max_tokens")


def read_request(body: Json) -> Call:
    """Read the call that a chat completion's body asks for.

    Raises:
        Refusal: no object, a model that is no name, or messages and tools that aren't lists of
            objects.
    """
    body = as_object(body, "the body")
    messages = as_objects(body.get("messages"), "messages")
    # A server with one model wants no name; policy sees null then.
    has_model = "model" in body or not messages
    return Call(
        model=as_model(body) if has_model else None,
        stream=as_flag(body, "stream"),
        messages=tuple(_messages(messages)),
        tools=tuple(_tools(body)),
        tool_choice=body.get("tool_choice", body.get("function_call")),
        texts=tuple(_texts(body)),
        attachments=tuple(attachments(body["messages"], "/messages")),
        parameters=_parameters(body),
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """Read what a whole chat completion says; an error object is an answer without choices.

    Raises:
        Refusal: a shape in which a tool call could hide.
    """
    body = as_object(body, "the answer")
    if "error" in body and not body.get("choices"):
        return read_error(status, body)
    choices = _choices(body)
    refuse_stray_calls(body, [each for choice in choices for _, each in told_messages(choice)])
    messages = tuple(each for at, choice in enumerate(choices) for each in read_choice(choice, at))
    return Answer(
        status,
        model=text_of(body.get("model")) or None,
        id=text_of(body.get("id")) or None,
        service_tier=text_of(body.get("service_tier")) or None,
        finish_reasons=tuple(filter(None, map(_finish, choices))),
        messages=messages,
        texts=(
            *strings(choices, "/choices", "assistant", tool_members),
            *strings(COMPLETION.others(body), "", "assistant", tool_members),
        ),
        tool_calls=tuple(call for message in messages for call in message.tool_calls),
        usage=chat_usage(body),
    )


def _choices(body: dict[str, Json]) -> list[dict[str, Json]]:
    """List the choices; a completion that was filtered may have none, and still say what it is."""
    choices = body.get("choices")
    if choices is None and text_of(body.get("object")).startswith("chat.completion"):
        return []
    return as_objects(choices, "choices")


def _finish(choice: dict[str, Json]) -> str:
    return text_of(choice.get("finish_reason"))


def told_messages(choice: dict[str, Json]) -> list[tuple[str, dict[str, Json]]]:
    """List a choice's message, and the several that Mistral may have in its place, by pointer.

    Raises:
        Refusal: one is no object.
    """
    message, more = choice.get("message"), as_objects(choice.get("messages") or [], "messages")
    several = [(f"/messages/{at}", each) for at, each in enumerate(more)]
    one = [("/message", as_object(message or {}, "a choice's message"))]
    return several if several and message is None else [*one, *several]


def read_choice(choice: dict[str, Json], at: int) -> list[Message]:
    """Read the messages of a whole answer's choice, which stands at that place.

    Raises:
        Refusal: as `read_message`.
    """
    finish = _finish(choice)
    return [
        read_message(message, f"/choices/{at}{where}", at, finish)
        for where, message in told_messages(choice)
    ]


def read_error(status: int, body: dict[str, Json]) -> Answer:
    """Read an answer without choices that has an error, or a member of that name.

    Raises:
        Refusal: it has a tool call as well.
    """
    refuse_stray_calls(body, [])
    return Answer(status, texts=tuple(strings(body, "", "assistant")))


def asked_choices(call: Call) -> int:
    """Return how many choices a call asks for."""
    asked = call.parameters.get("n")
    return int(asked) if isinstance(asked, int | float) and asked > 1 else 1


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of `chat.completion.chunk` events."""
    return ChatStream(status, asked_choices(asked))


def error_event(told: dict[str, Any]) -> bytes:
    """Write an error object where a chunk would be: the SDKs raise `APIError` on it."""
    return write_event(told)


def _messages(found: list[dict[str, Json]]) -> Iterator[Message]:
    for at, message in enumerate(found):
        yield read_message(message, f"/messages/{at}", 0)


def read_message(message: dict[str, Json], pointer: str, choice: int, finish: str = "") -> Message:
    """Read one message, in or out, with its tool calls; `finish` is why the model stopped.

    Raises:
        Refusal: a content, or a tool call, of a shape this dialect doesn't have.
    """
    text, parts = _content(message.get("content"))
    return Message(
        role=text_of(message.get("role")) or "assistant",
        text=text,
        pointer=pointer,
        parts=parts,
        tool_calls=tuple(whole_calls(message, pointer, choice, finish)),
        tool_call_id=text_of(message.get("tool_call_id")) or None,
        name=text_of(message.get("name")) or None,
    )


def _content(content: Json) -> tuple[str, tuple[str, ...]]:
    """Read a content's text, and the types of its parts."""
    if content is None or isinstance(content, str):
        return content or "", ()
    parts = as_objects(content, "a message's content")
    texts = [text_of(part.get("text")) or text_of(part.get("refusal")) for part in parts]
    return "\n".join(filter(None, texts)), tuple(text_of(part.get("type")) for part in parts)


def _tools(body: dict[str, Json]) -> Iterator[Tool]:
    for at, tool in enumerate(as_objects(body.get("tools") or [], "tools")):
        kind = text_of(tool.get("type")) or "function"
        inner = tool.get(kind) if isinstance(tool.get(kind), dict) else tool
        yield _tool(kind, as_object(inner, "a tool"), f"/tools/{at}")
    for at, function in enumerate(as_objects(body.get("functions") or [], "functions")):
        yield _tool("function", function, f"/functions/{at}")


def _tool(kind: str, inner: dict[str, Json], pointer: str) -> Tool:
    name = text_of(inner.get("name")) or kind
    return Tool(kind, name, text_of(inner.get("description")), inner.get("parameters"), pointer)


def _texts(body: dict[str, Json]) -> Iterator[Text]:
    """Yield messages as themselves, and everything else that the model reads as `request`.

    What was looked up for the model is as little the application's own as what a tool gave back.
    """
    for key, value in body.items():
        if key == "messages":
            yield from strings(value, "/messages", "user")
        else:
            yield from strings({key: value}, "", TOOL if key == DOCUMENTS else "request")


def _parameters(body: dict[str, Json]) -> dict[str, Json]:
    found = {key: body[key] for key in _PARAMETERS if key in body}
    return found | output_limit(body)


def output_limit(body: dict[str, Json]) -> dict[str, Json]:
    """Return a body's limit of output tokens by its common name; nothing where it has none."""
    limits = [body[key] for key in _LIMITS if body.get(key) is not None]
    # Which of them a provider follows isn't known: the one that allows most.
    return {"max_output_tokens": max(limits, key=_height)} if limits else {}


def _height(limit: Json) -> float:
    """Order limits; what is no number comes before all, to be seen."""
    is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
    return float(min(limit, 1e300)) if is_number else math.inf
