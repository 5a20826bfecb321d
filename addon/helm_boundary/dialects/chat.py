"""Chat completions: `POST /v1/chat/completions`, with `functions` of old.

Source: `CreateChatCompletionRequest` and `CreateChatCompletionResponse` in OpenAI's description.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import strict_json
from ..call import Answer, Call, Json, Message, Text, Tool, ToolCall, Usage
from ..refusal import Refusal, schema_violation
from ..texts import attachments, strings

_PARAMETERS = (
    "frequency_penalty", "logprobs", "max_completion_tokens", "max_tokens", "n",
    "parallel_tool_calls", "presence_penalty", "reasoning_effort", "seed", "service_tier",
    "store", "temperature", "top_logprobs", "top_p", "verbosity",
)  # fmt: skip


def read_request(body: Json) -> Call:
    """The call that a chat completion's body asks for.

    Raises:
        Refusal: no object, no model, or messages and tools that aren't lists of objects.
    """
    body = _object(body, "the body")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise schema_violation("the body has no `model`; expected its name as a string")
    return Call(
        model=model,
        stream=_flag(body, "stream"),
        messages=tuple(_messages(_objects(body.get("messages"), "messages"))),
        tools=tuple(_tools(body)),
        tool_choice=body.get("tool_choice", body.get("function_call")),
        texts=tuple(_texts(body)),
        attachments=tuple(attachments(body["messages"], "/messages")),
        parameters=_parameters(body),
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """What a whole chat completion says; an error object is an answer without choices.

    Raises:
        Refusal: a shape in which a tool call could hide.
    """
    body = _object(body, "the answer")
    if "error" in body and not body.get("choices"):
        return Answer(status, texts=tuple(strings(body, "", "assistant")))
    choices = _objects(body.get("choices"), "choices")
    messages = tuple(
        _message(_object(choice.get("message"), "a choice's message"), f"/choices/{at}/message", at)
        for at, choice in enumerate(choices)
    )
    return Answer(
        status,
        model=_text(body.get("model")) or None,
        finish_reasons=tuple(_text(choice.get("finish_reason")) for choice in choices),
        messages=messages,
        texts=tuple(strings(choices, "/choices", "assistant")),
        tool_calls=tuple(call for message in messages for call in message.tool_calls),
        usage=read_usage(body.get("usage")),
    )


def read_usage(usage: Json) -> Usage:
    """The token counts of a `usage` object."""
    if not isinstance(usage, dict):
        return Usage()
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def tool_call(found: Json, choice: int, pointer: str) -> ToolCall:
    """One entry of `tool_calls`: a function call or a custom tool's call.

    Raises:
        Refusal: an entry without a name, or of a shape this dialect doesn't have.
    """
    found = _object(found, "a tool call")
    inner = found.get("function", found.get("custom"))
    call_id = found.get("id")
    return function_call(inner, choice, pointer, call_id if isinstance(call_id, str) else None)


def function_call(inner: Json, choice: int, pointer: str, call_id: str | None = None) -> ToolCall:
    """A name with arguments (or a custom tool's `input`), as in `function_call` of old.

    Raises:
        Refusal: no name, or arguments that aren't text.
    """
    inner = _object(inner, "a tool call's function")
    name = inner.get("name")
    text = inner.get("arguments", inner.get("input", ""))
    if not isinstance(name, str) or not name or not isinstance(text, str):
        raise schema_violation("a tool call has no name, or arguments that aren't a string")
    try:
        arguments, valid = strict_json.parse(text.encode("utf-8")), True
    except Refusal:
        arguments, valid = None, False
    return ToolCall(call_id, name, text, arguments, valid, choice, pointer)


def _messages(found: list[dict[str, Json]]) -> Iterator[Message]:
    for at, message in enumerate(found):
        yield _message(message, f"/messages/{at}", 0)


def _message(message: dict[str, Json], pointer: str, choice: int) -> Message:
    text, parts = _content(message.get("content"))
    return Message(
        role=_text(message.get("role")) or "assistant",
        text=text,
        pointer=pointer,
        parts=parts,
        tool_calls=tuple(_tool_calls(message, pointer, choice)),
        tool_call_id=_text(message.get("tool_call_id")) or None,
        name=_text(message.get("name")) or None,
    )


def _content(content: Json) -> tuple[str, tuple[str, ...]]:
    """A content's text, and the types of its parts."""
    if content is None or isinstance(content, str):
        return content or "", ()
    parts = _objects(content, "a message's content")
    texts = [_text(part.get("text")) or _text(part.get("refusal")) for part in parts]
    return "\n".join(filter(None, texts)), tuple(_text(part.get("type")) for part in parts)


def _tool_calls(message: dict[str, Json], pointer: str, choice: int) -> Iterator[ToolCall]:
    calls = message.get("tool_calls")
    for at, call in enumerate([] if calls is None else _objects(calls, "tool_calls")):
        yield tool_call(call, choice, f"{pointer}/tool_calls/{at}")
    old = message.get("function_call")
    if old is not None:
        yield function_call(old, choice, f"{pointer}/function_call")


def _tools(body: dict[str, Json]) -> Iterator[Tool]:
    for at, tool in enumerate(_objects(body.get("tools") or [], "tools")):
        kind = _text(tool.get("type")) or "function"
        inner = tool.get(kind) if isinstance(tool.get(kind), dict) else tool
        yield _tool(kind, _object(inner, "a tool"), f"/tools/{at}")
    for at, function in enumerate(_objects(body.get("functions") or [], "functions")):
        yield _tool("function", function, f"/functions/{at}")


def _tool(kind: str, inner: dict[str, Json], pointer: str) -> Tool:
    name = _text(inner.get("name")) or kind
    return Tool(kind, name, _text(inner.get("description")), inner.get("parameters"), pointer)


def _texts(body: dict[str, Json]) -> Iterator[Text]:
    """Messages as themselves; everything else that the model reads as `request`."""
    for key, value in body.items():
        if key == "messages":
            yield from strings(value, "/messages", "user")
        elif key not in ("model", "tool_choice"):
            yield from strings({key: value}, "", "request")


def _parameters(body: dict[str, Json]) -> dict[str, Json]:
    found = {key: body[key] for key in _PARAMETERS if key in body}
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is not None:
        found["max_output_tokens"] = limit
    return found


def _object(value: Json, what: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise schema_violation(f"{what} isn't a JSON object")
    return value


def _objects(value: Json, what: str) -> list[dict[str, Json]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise schema_violation(f"`{what}` isn't a list of objects")
    return value


def _flag(body: dict[str, Json], key: str) -> bool:
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise schema_violation(f"`{key}` is neither true nor false")
    return value is True


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
