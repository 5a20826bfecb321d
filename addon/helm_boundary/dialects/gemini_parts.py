"""The parts of Gemini's contents: texts, calls of functions and what came of them, files.

Source: the Gemini API's reference, `Content`, `Part` and `Tool`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache

from helm_boundary.calls.call import Attachment, Json, Message, Text, Tool, ToolCall
from helm_boundary.calls.hosts import canonical_host
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import strings
from helm_boundary.streaming.tellings import told_in_two_ways

from .answer_objects import objects_in
from .call_names import is_call
from .json_shape import as_object, as_objects, text_of, tool_call

_CALLS = ("functionCall", "executableCode", "toolCall")
_RESULTS = ("functionResponse", "codeExecutionResult", "toolResponse")
_OF_CALLS = frozenset({"args", "id", "name", "toolType", "tool_type"})
"""A call's members that its reader takes; `PARTIAL` are another's."""
PARTIAL = ("partialArgs", "willContinue")
_NAMES = {
    name.lower(): name
    for name in (
        *_CALLS, *_RESULTS, "args", "candidates", "content", "error", "finishReason",
        "modelVersion", "name", "parts", "toolType", "usageMetadata",
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
    """Count the members at and below a value that hold calls, in whatever API's words."""
    return sum(
        part is not None
        for each in objects_in(value, _data)
        for key, part in each.items()
        if _holds_call(key)
    )


@lru_cache(maxsize=4096)
def _holds_call(key: str) -> bool:
    return key in _SPELT or is_call(key)


def _data(member: str, value: dict[str, Json]) -> Collection[str]:
    """Name the members that hold data: a call's arguments, and what a function gave back."""
    return _DATA.get(member, ())


_DATA = {
    spelt: (held,)
    for name, held in (
        *(("functionCall", "args"), ("functionResponse", "response")),
        *(("toolCall", "args"), ("toolResponse", "response")),
    )
    for spelt in (name, snake(name))
}


def own_calls(part: dict[str, Json]) -> dict[str, Json]:
    """Return the members of a part that are calls."""
    return {key: said for key, said in part.items() if key in _SPELT}


_SPELT = frozenset({*_CALLS, *map(snake, _CALLS)})


def others_of_part(part: dict[str, Json]) -> dict[str, Json]:
    """Return what a part says beside its calls, and what these say that no call has."""
    found: dict[str, Json] = {}
    for key, said in part.items():
        if key not in _SPELT:
            found[key] = said
        elif isinstance(said, dict) and snake(key) != "executable_code":
            known = {*_OF_CALLS, *PARTIAL, *map(snake, PARTIAL)}
            rest = {name: item for name, item in said.items() if name not in known}
            found |= {key: rest} if rest else {}
    return found


def parts_of(content: Json) -> list[dict[str, Json]]:
    """List the parts of a content, which may have none."""
    found = as_object(content or {}, "a content").get("parts")
    return listed(found, "parts")


def listed(value: Json, name: str) -> list[dict[str, Json]]:
    """List a member's objects, of which the API takes one for a list of it (as ProtoJSON does)."""
    return [value] if isinstance(value, dict) else as_objects(value or [], name)


def calls_of_part(part: dict[str, Json], choice: int, pointer: str) -> Iterator[ToolCall]:
    """Yield the calls of one part.

    Raises:
        Refusal: one without a name, or one that comes in pieces.
    """
    made, code, hosted = (member(part, name) for name in _CALLS)
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
    if hosted is not None:
        yield _hosted_call(as_object(hosted, "a tool's call"), choice, f"{pointer}/toolCall")


def _hosted_call(made: dict[str, Json], choice: int, pointer: str) -> ToolCall:
    """Read the call of a tool that the provider runs: it has a type, and no name."""
    kind, name = text_of(member(made, "toolType")).lower(), made.get("name")
    if kind and name is not None:
        raise told_in_two_ways()
    return tool_call(
        _SEARCHES.sub("", kind) or name,
        {} if made.get("args") is None else made["args"],
        call_id=made.get("id"),
        choice=choice,
        pointer=pointer,
        kind="hosted" if kind else "function",
    )


_SEARCHES = re.compile("(?<=^google_search)_.*")
"""What a search is for, behind the name of the tool that was offered."""


type ReadCalls = Callable[[dict[str, Json], int, str], Iterable[ToolCall]]
"""Reads the calls of a part, of the candidate with that index, at that pointer."""


def read_message(
    content: Json, role: str, pointer: str, read_calls: ReadCalls = calls_of_part
) -> Iterator[Message]:
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
            tuple(
                call
                for at, part in enumerate(parts)
                for call in read_calls(part, 0, f"{pointer}/parts/{at}")
            ),
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
    """Yield the functions that a request declares, MCP servers, and other tools by their member.

    Raises:
        Refusal: neither a list of objects nor one of them, which the API takes for a list.
    """
    for at, tool in enumerate(listed(tools, "tools")):
        where = "/tools" if isinstance(tools, dict) else f"/tools/{at}"
        declared = member(tool, "functionDeclarations")
        for place, function in enumerate(listed(declared, "functionDeclarations")):
            schema = member(function, "parametersJsonSchema")
            yield Tool(
                "function",
                text_of(function.get("name")),
                text_of(function.get("description")),
                function.get("parameters") if schema is None else schema,
                f"{where}/functionDeclarations/{place}",
            )
        yield from _servers(member(tool, "mcpServers"), f"{where}/mcpServers")
        for name in tool:
            if snake(name) not in _READ:
                yield Tool(snake(name), snake(name), "", None, f"{where}/{name}")


_READ = frozenset({"function_declarations", "mcp_servers"})
"""The members of a tool that hold several."""


def _servers(servers: Json, pointer: str) -> Iterator[Tool]:
    for at, server in enumerate(listed(servers, "mcpServers")):
        transport = member(server, "streamableHttpTransport")
        url = text_of(transport.get("url")) if isinstance(transport, dict) else ""
        yield Tool("mcp", text_of(server.get("name")) or "mcp", url, None, f"{pointer}/{at}")


def file_attachments(content: dict[str, Json], pointer: str) -> Iterator[Attachment]:
    """Yield the files that a content's parts name by an address."""
    is_one = isinstance(content.get("parts"), dict)
    for place, part in enumerate(parts_of(content)):
        file = member(part, "fileData")
        uri = member(file, "fileUri") if isinstance(file, dict) else None
        if isinstance(file, dict) and isinstance(uri, str):
            host = uri.partition("//")[2].partition("/")[0].rpartition("@")[2]
            yield Attachment(
                f"{pointer}/parts{'' if is_one else f'/{place}'}/fileData/fileUri",
                "file",
                text_of(member(file, "mimeType")) or None,
                canonical_host(host.partition(":")[0]) if host else None,
                None,
                None,
            )
