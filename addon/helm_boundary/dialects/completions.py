"""Completions of old: `POST /v1/completions`. Text in, text out, no tools.

Source: `CreateCompletionRequest` and `CreateCompletionResponse` in OpenAI's description.
"""

from __future__ import annotations

from typing import Any

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Message
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import attachments, strings
from helm_boundary.streaming.stream import Stream

from . import chat
from .answer_members import COMPLETION
from .chat_call_signs import tool_members
from .chat_stream import ChatStream
from .chat_whole_calls import refuse_stray_calls
from .json_shape import as_flag, as_model, as_object, as_objects, text_of
from .usage import chat_usage


def read_request(body: Json) -> Call:
    """Read the call that a completion's body asks for; a prompt of token numbers can't be judged.

    Raises:
        Refusal: no object, no model, or a prompt that isn't text.
    """
    body = as_object(body, "the body")
    prompt = "" if body.get("prompt") is None else body["prompt"]
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
        parameters=_parameters(rest),
        body=body,
    )


def _parameters(rest: dict[str, Json]) -> dict[str, Json]:
    found = {key: value for key, value in rest.items() if isinstance(value, int | float)}
    return found | chat.output_limit(rest)


def read_response(status: int, body: Json) -> Answer:
    """Read what a whole completion says; Mistral puts a message in a choice, or several.

    Raises:
        Refusal: no list of choices, or a shape in which a tool call could hide.
    """
    body = as_object(body, "the answer")
    if "error" in body and not body.get("choices"):
        return chat.read_error(status, body)
    choices = as_objects(body.get("choices"), "choices")
    chats = filter(_is_chat, choices)
    refuse_stray_calls(body, [each for choice in chats for _, each in chat.told_messages(choice)])
    messages = tuple(each for at, choice in enumerate(choices) for each in _choice(choice, at))
    return Answer(
        status,
        model=text_of(body.get("model")) or None,
        id=text_of(body.get("id")) or None,
        finish_reasons=tuple(
            reason for choice in choices if (reason := text_of(choice.get("finish_reason")))
        ),
        messages=messages,
        texts=(
            *strings(choices, "/choices", "assistant", tool_members),
            *strings(COMPLETION.others(body), "", "assistant", tool_members),
        ),
        tool_calls=tuple(call for message in messages for call in message.tool_calls),
        usage=chat_usage(body),
    )


def _choice(choice: dict[str, Json], at: int) -> list[Message]:
    if _is_chat(choice):
        return chat.read_choice(choice, at)
    return [Message("assistant", text_of(choice.get("text")), f"/choices/{at}")]


def _is_chat(choice: dict[str, Json]) -> bool:
    return isinstance(choice.get("message"), dict) or bool(choice.get("messages"))


def open_stream(status: int, asked: Call = UNREAD) -> Stream:
    """Open a reader of `text_completion` events; some providers stream a chat's chunks here."""
    return ChatStream(status, chat.asked_choices(asked))


def error_event(told: dict[str, Any]) -> bytes:
    """Write the same as in a chat completion's stream."""
    return chat.error_event(told)


def _messages(prompt: Json) -> list[Message]:
    if isinstance(prompt, list):
        return [Message("user", text, f"/prompt/{at}") for at, text in enumerate(prompt)]
    return [Message("user", text_of(prompt), "/prompt")]
