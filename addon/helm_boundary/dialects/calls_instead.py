"""The call that comes in place of a denied one, so that the agent's model reads why.

Most agents answer their model that there is no such tool and send it its own call again, in which
the reason stands. Seen with the agents themselves, two don't, so they get a call of a tool that
they have, and that does nothing but quote what it was given.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Final

from helm_boundary.calls.call import ToolCall

NAME: Final = "helm_boundary_denied"
"""The tool that no agent has."""

_OPENCODE, _INVALID = "opencode", "invalid"
"""opencode writes each call of a tool that it doesn't have anew, as one of `invalid`, which says
to the model what its `error` is."""

_CODEX, _WRITE_STDIN, _SOCKET = "codex", "write_stdin", "responses_socket"
"""Over a WebSocket Codex sends back what a tool gave and not the call. A session's number that is
a text it can't read, and quotes; there is no session that anything could be written to."""


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a call was denied, for a model: the tool's name, the rule, the reason, what to do."""

    tool: str
    rule: str
    reason: str
    next: str

    def __str__(self) -> str:
        return f"helm-boundary denied {self.tool} ({self.rule}): {self.reason} {self.next}"


@dataclass(frozen=True, slots=True)
class Instead:
    """A call's name and arguments, as JSON text."""

    name: str
    arguments: str


def call_instead(
    call: ToolCall, denial: Denial, dialect: str, agent: str, offered: Collection[str]
) -> Instead:
    """Choose what is called in place of a denied call.

    `agent` is how the client calls itself, in lower case, `offered` the tools that its model has.
    """
    if agent.startswith(_OPENCODE):
        return _instead(_INVALID, {"tool": denial.tool, "error": str(denial)})
    quotes = call.type == "function" and _WRITE_STDIN in offered
    if agent.startswith(_CODEX) and dialect == _SOCKET and quotes:
        return _instead(_WRITE_STDIN, {"session_id": str(denial)})
    return _instead(NAME, asdict(denial))


def _instead(name: str, arguments: dict[str, str]) -> Instead:
    return Instead(name, json.dumps(arguments))
