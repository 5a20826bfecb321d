"""Every tool that a request offers: its dialect's own list, and wherever else tools are offered.

Responses has `additional_tools` and `tool_search_output` among its items and functions within a
namespace, Anthropic `tool_addition` among a message's blocks and MCP servers beside the tools;
client secrets, evals and assistants are in no dialect of ours. A list of tools counts wherever it
stands, but for places in which a client says what it likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from helm_boundary.calls.call import Call, Json, Tool
from helm_boundary.calls.refusal import Refusal
from helm_boundary.calls.texts import pointer_token
from helm_boundary.dialects.json_shape import text_of

from .claimed_members import Member, claimed, plain

_SERVERS = frozenset({"mcp_servers", "mcpservers"})
_INTEGRATIONS = "integrations"
"""LM Studio's list of plugins and MCP servers; a fine-tuning job's is of where to report to."""
_LISTS = _SERVERS | {_INTEGRATIONS, "additional_tools", "functions", "tools"}
_NAMES_OF_SERVERS = ("server_label", "mcp_server_name", "server_name", "server_url")
_SPECIFIED = ("toolSpec", "tool_spec", "systemTool")
"""Where Bedrock's Converse has what a tool is."""
_REFERRING = frozenset({"allowed_tools", "tool_choice", "toolchoice"})
"""Members that name tools which are offered elsewhere."""


def name_tools(call: Call, body: Json) -> Call:
    """Add the tools that a body offers outside its dialect's own list to a call.

    A member with tools further down that can't be read is one that nobody knows (`unclaimed`).

    Raises:
        Refusal: the body itself offers tools in a way that isn't understood.
    """
    read = {place for tool in call.tools for place in _places(tool.pointer)}
    found: list[Tool] = []
    unread: list[str] = []
    for member in claimed(body, _speaks_of_tools):
        name = plain(member.key)
        if name in _REFERRING or member.holder.get("type") == "mcp_list_tools":
            continue
        for tool in _offered_in(member, name):
            if tool is not None:
                found.append(tool)
            elif member.pointer in read:  # Gemini takes an object for a list of one
                continue
            elif member.pointer.count("/") == 1:
                raise _unreadable()
            else:
                unread.append("/" + member.pointer.split("/")[1])
    more = [tool for tool in found if tool.pointer not in read]
    if not (more or unread):
        return call
    unclaimed = tuple(dict.fromkeys((*call.unclaimed, *unread)))
    return replace(call, tools=(*call.tools, *more), unclaimed=unclaimed)


def offers_tools(key: str, member: Json) -> bool:
    """Tell whether a member is named as one that offers tools."""
    return _offers(plain(key), member)


def _offers(name: str, member: Json) -> bool:
    return bool(member) and (name in _LISTS or (name == "tool" and isinstance(member, dict)))


def _speaks_of_tools(key: str, member: Json) -> bool:
    name = plain(key)
    return name in _REFERRING or _offers(name, member)


def _offered_in(member: Member, name: str) -> Iterator[Tool | None]:
    """Yield the tools in a member that offers some; None for each that can't be read."""
    if name == _INTEGRATIONS:
        yield from _integrated(member.value, member.pointer)
    elif name == "tool":
        yield from _added(member.value, member.pointer)
    else:
        yield from _listed(member.value, member.pointer, "", is_server=name in _SERVERS)


def _places(pointer: str) -> Iterator[str]:
    """Yield a pointer and those to what it stands in."""
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]


def _added(tool: dict[str, Json], pointer: str) -> Iterator[Tool | None]:
    """Yield the tool that one member offers: defined in it, or as it is; not one referred to."""
    if isinstance(tool.get("definition"), dict):
        yield from _offered(tool["definition"], f"{pointer}/definition", "", is_server=False)
    elif not text_of(tool.get("type")).endswith("_reference"):
        yield from _offered(tool, pointer, "", is_server=False)


def _integrated(plugins: Json, pointer: str) -> Iterator[Tool | None]:
    """Yield the plugins and servers that a local server is told to use, by name or in full."""
    for at, plugin in enumerate(plugins if isinstance(plugins, list) else ()):
        if isinstance(plugin, str):
            yield Tool("mcp", plugin, "", None, f"{pointer}/{at}")
        elif isinstance(plugin, dict) and ("server_url" in plugin or plugin.get("type") != "wandb"):
            yield from _offered(plugin, f"{pointer}/{at}", "", is_server=True)


def _listed(tools: Json, pointer: str, within: str, *, is_server: bool) -> Iterator[Tool | None]:
    """Yield the tools of a list, or the servers of an object that has them by name."""
    if isinstance(tools, dict) and is_server:
        for key, server in tools.items():
            named = {"name": key, **server} if isinstance(server, dict) else server
            yield from _offered(named, pointer + pointer_token(key), within, is_server=True)
        return
    if not isinstance(tools, list):
        yield None
        return
    for at, tool in enumerate(tools):
        yield from _offered(tool, f"{pointer}/{at}", within, is_server=is_server)


def _offered(tool: Json, pointer: str, within: str, *, is_server: bool) -> Iterator[Tool | None]:
    """Yield one tool, and those that it holds, which have its name before theirs."""
    if not isinstance(tool, dict):
        yield None
        return
    if tool.keys() == {"cachePoint"}:  # stands among Bedrock's tools
        return
    own = "custom" if "input_schema" in tool else "hosted" if "systemTool" in tool else "function"
    kind = text_of(tool.get("type")) or own
    apart = (tool[key] for key in (kind, *_SPECIFIED) if isinstance(tool.get(key), dict))
    inner = next(apart, tool)
    servers = filter(None, (text_of(tool.get(key)) for key in _NAMES_OF_SERVERS))
    name = text_of(inner.get("name")) or next(servers, "") or kind
    yield Tool(
        "mcp" if is_server else kind,
        f"{within}{name}",
        text_of(inner.get("description")) or (text_of(tool.get("url")) if is_server else ""),
        inner.get("parameters", inner.get("input_schema", inner.get("format"))),
        pointer,
    )
    for key in ("tools", "functions"):
        if tool.get(key):
            before = f"mcp.{name}." if kind.startswith("mcp") else f"{within}{name}."
            yield from _listed(tool[key], f"{pointer}/{key}", before, is_server=False)


def _unreadable() -> Refusal:
    return Refusal(
        "CAPABILITY_UNKNOWN",
        "the request offers tools in a form that can't be judged; expected a list of objects",
        "instance_parameter",
    )
