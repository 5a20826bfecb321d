"""A proposal for `mcp` in data.yaml, from receipts: servers, and pins of the tools they list."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

_OF_MCP = "mcp."
_PLAIN = re.compile(r"[^A-Za-z0-9_-]+")
_COMMON = frozenset({"api", "mcp", "www", "com", "org", "net", "io", "dev", "app", "ai", "co"})
"""Labels of hosts that say nothing of whose they are."""
_TLS_PORT = "443"


@dataclass(slots=True)
class SeenServer:
    """One server: the name that policy has for it, or None, and the tools it listed last."""

    address: str
    name: str | None = None
    listed: dict[str, str] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


def servers_in(predicates: Iterable[Mapping[str, Any]]) -> list[SeenServer]:
    """Collect the MCP servers that receipts tell of, in the order in which they were seen."""
    found: dict[str, SeenServer] = {}
    for said in predicates:
        flow = said.get("flow") or {}
        if str(flow.get("operation", "")).startswith(_OF_MCP):
            address = _address(flow)
            _add(found.setdefault(address, SeenServer(address)), said)
    return list(found.values())


def propose_servers(servers: Sequence[SeenServer]) -> str:
    """Return YAML text with the servers and the pins of their tools; nothing without a server."""
    if not servers:
        return ""
    lines = ["mcp:\n", "  servers:\n"]
    for name, server in _names(servers).items():
        lines.append(f"    {name}: [{json.dumps(server.address)}]\n")
    lines.append("  pins:\n" if any(server.listed for server in servers) else "  pins: {}\n")
    return "".join(lines) + indent(propose_pins(servers), "    ")


def propose_pins(servers: Sequence[SeenServer]) -> str:
    """Return YAML text with the pins alone, by server and tool."""
    return "".join(line for name, each in _names(servers).items() for line in _pins(name, each))


def _pins(name: str, server: SeenServer) -> Iterator[str]:
    if server.listed:
        yield f"{name}:\n"
    for tool, digest in sorted(server.listed.items()):
        note = "  # it has changed: this is the last of it" if tool in server.changed else ""
        yield f"  {json.dumps(tool)}: {digest}{note}\n"


def _add(server: SeenServer, said: Mapping[str, Any]) -> None:
    for call in (*said.get("toolCalls", ()), *said.get("tools", ())):
        server.name = call.get("server") or server.name
    for tool in said.get("tools", ()):
        name, digest = str(tool["name"]), str(tool["digest"]["sha256"])
        if server.listed.get(name, digest) != digest:
            server.changed.add(name)
        server.listed[name] = digest


def _address(flow: Mapping[str, Any]) -> str:
    """Return the address that a receipt tells of; the scheme is the one that fits its port."""
    host, _, port = str(flow["host"]).rpartition(":")
    secure = port == _TLS_PORT or bool(flow.get("tlsInspected"))
    place = host if secure and port == _TLS_PORT else f"{host}:{port}"
    return f"{'https' if secure else 'http'}://{place}{flow['path']}"


def _names(servers: Iterable[SeenServer]) -> dict[str, SeenServer]:
    """Name each server: as policy does, or after its host."""
    named: dict[str, SeenServer] = {}
    for server in servers:
        wanted = server.name or _name_of(server.address)
        name, number = wanted, 2
        while name in named:
            name, number = f"{wanted}-{number}", number + 1
        named[name] = server
    return named


def _name_of(address: str) -> str:
    host = address.partition("://")[2].partition("/")[0].rpartition("@")[2]
    bare = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    try:
        ipaddress.ip_address(bare.strip("[]"))
    except ValueError:
        own = [label for label in bare.split(".") if label not in _COMMON]
        return _PLAIN.sub("-", own[0]).strip("-_") if own else "server"
    return "local"
