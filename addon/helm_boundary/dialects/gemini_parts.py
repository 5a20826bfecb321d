"""The parts of Gemini's contents: texts, calls of functions and what came of them, files.

Source: the Gemini API's reference, `Content`, `Part` and `Tool`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from helm_boundary.calls.call import Attachment, Json, Message, Text, Tool, ToolCall
from helm_boundary.calls.hosts import canonical_host
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import strings

from .answer_objects import objects_in
from .json_shape import as_object, as_objects, text_of, tool_call

_CALLS = ("functionCall", "executableCode")
_RESULTS = ("functionResponse", "codeExecutionResult")
PARTIAL = ("partialArgs", "willContinue")
_NAMES = {
    name.lower(): name
    for name in (
        *_CALLS, *_RESULTS, "args", "candidates", "content", "error", "finishReason",
        "modelVersion", "name", "parts", "usageMetadata",
    )
}  # fmt: skip


def snake(name: str) -> str:
    """Spell a member's name in snake case."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def member(value: dict[str, Json], name: str) -> Json:
    """Read a member in camel or snake case.

    Raises:
        Refusal: it is there in both, of which a reader may take either.
    """
    other = snake(name)
    if other != name and name in value and other in value:
        raise schema_violation("an object has a member in two spellings")
    return value.get(name, value.get(other))


def check_spelling(value: Json) -> None:
    """Refuse members at and below a value that are the API's but for their letters' case."""
    for item in objects_in(value, _data):
        for key in item:
            known = _NAMES.get(key.casefold().replace("_", ""))
            if known is not None and key not in (known, snake(known)):
                raise schema_violation("a member's name differs from the API's in letter case only")


def count_calls(value: Json) -> int:
    """Count the members at and below a value that hold calls."""
    return sum(
        part is not None
        for each in objects_in(value, _data)
        for key, part in each.items()
        if key in _SPELT
    )


def _data(member: str, value: dict[str, Json]) -> Collection[str]:
    """Name the members that hold data: a call's arguments, and what a function gave back."""
    return _DATA.get(member, ())


_DATA = {
    spelt: (held,)
    for name, held in (("functionCall", "args"), ("functionResponse", "response"))
    for spelt in (name, snake(name))
}


def own_calls(part: dict[str, Json]) -> dict[str, Json]:
    """Return the members of a part that are calls."""
    return {key: said for key, said in part.items() if key in _SPELT - {"tool_calls"}}


_SPELT = frozenset({*_CALLS, *map(snake, _CALLS), "tool_calls"})


def parts_of(content: Json) -> list[dict[str, Json]]:
    """List the parts of a content, which may have none."""
    found = as_object(content or {}, "a content").get("parts")
    return [] if found is None else as_objects(found, "parts")


def read_calls(content: Json, choice: int, pointer: str) -> list[ToolCall]:
    """Read the calls of a content.

    Raises:
        Refusal: one without a name, or one that comes in pieces.
    """
    return [
        call
        for at, part in enumerate(parts_of(content))
        for call in calls_of_part(part, choice, f"{pointer}/parts/{at}")
    ]


def calls_of_part(part: dict[str, Json], choice: int, pointer: str) -> Iterator[ToolCall]:
    """Yield the calls of one part; raises as `read_calls`."""
    made, code = (member(part, name) for name in _CALLS)
    if made is not None:
        made = as_object(made, "a function's call")
        if any(member(made, name) for name in PARTIAL):
            raise schema_violation("the stream tells a tool call in a form that can't be judged")
        yield tool_call(
            made.get("name"),
            {} if made.get("args") is None else made["args"],
            call_id=made.get("id"),
            choice=choice,
            pointer=f"{pointer}/functionCall",
        )
    if code is not None:
        yield tool_call(
            "code_execution",
            code,
            choice=choice,
            pointer=f"{pointer}/executableCode",
            kind="hosted",
        )


def read_message(content: Json, role: str, pointer: str) -> Iterator[Message]:
    """Yield a content as a message, and what functions gave back as messages of their own."""
    if isinstance(content, str):
        yield Message(role, content, pointer)
        return
    parts = parts_of(content)
    given = [part for part in parts if any(member(part, name) for name in _RESULTS)]
    if len(given) < len(parts) or not parts:
        yield Message(
            role,
            "\n".join(text for part in parts if (text := text_of(part.get("text")))),
            pointer,
            tuple(next(iter(part), "") for part in parts),
            tuple(read_calls(content, 0, pointer)),
        )
    for at, part in enumerate(parts):
        response = member(part, "functionResponse")
        if isinstance(response, dict):
            texts = strings(response.get("response"), "", "tool")
            yield Message(
                "tool",
                "\n".join(text.text for text in texts),
                f"{pointer}/parts/{at}",
                name=text_of(response.get("name")) or None,
            )


def tool_members(value: dict[str, Json]) -> Collection[str]:
    """Name the members of a part that a tool gave back."""
    return {spelt for name in _RESULTS for spelt in (name, snake(name))} & value.keys()


def texts_of(value: Json, pointer: str, role: str) -> list[Text]:
    """List every text at or below a value with parts in it; a tool's results are the tool's."""
    return strings(_spoken(value), pointer, role, tool_members)


def _spoken(value: Json) -> Json:
    """Leave out roles, which aren't the ones that texts have here."""
    if isinstance(value, list):
        return [_spoken(item) for item in value]
    if isinstance(value, dict) and value.get("role") in ("model", "user", "function", "system"):
        return {key: _spoken(item) for key, item in value.items() if key != "role"} | (
            {"role": "assistant"} if value["role"] == "model" else {}
        )
    return value


def read_tools(tools: Json) -> Iterator[Tool]:
    """Yield the functions that a request declares, and the provider's own tools by their member.

    Raises:
        Refusal: neither a list of objects nor one of them, which the API takes for a list.
    """
    listed = [tools] if isinstance(tools, dict) else tools
    for at, tool in enumerate(as_objects(listed or [], "tools")):
        where = "/tools" if isinstance(tools, dict) else f"/tools/{at}"
        declared = member(tool, "functionDeclarations")
        for place, function in enumerate(as_objects(declared or [], "functionDeclarations")):
            schema = member(function, "parametersJsonSchema")
            yield Tool(
                "function",
                text_of(function.get("name")),
                text_of(function.get("description")),
                function.get("parameters") if schema is None else schema,
                f"{where}/functionDeclarations/{place}",
            )
        for name in tool:
            if snake(name) != "function_declarations":
                yield Tool(snake(name), snake(name), "", None, f"{where}/{name}")


def file_attachments(contents: list[dict[str, Json]], pointer: str) -> Iterator[Attachment]:
    """Yield the files that parts name by an address."""
    for at, content in enumerate(contents):
        for place, part in enumerate(parts_of(content)):
            file = member(part, "fileData")
            uri = member(file, "fileUri") if isinstance(file, dict) else None
            if isinstance(file, dict) and isinstance(uri, str):
                host = uri.partition("//")[2].partition("/")[0].rpartition("@")[2]
                yield Attachment(
                    f"{pointer}/{at}/parts/{place}/fileData/fileUri",
                    "file",
                    text_of(member(file, "mimeType")) or None,
                    canonical_host(host.partition(":")[0]) if host else None,
                    None,
                    None,
                )
