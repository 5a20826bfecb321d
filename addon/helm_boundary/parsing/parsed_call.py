"""A call as it was read from a request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from helm_boundary.calls.call import Call, Json, Operation
from helm_boundary.dialects import dialect

from .models import name_models
from .offered_tools import name_tools
from .unclaimed_members import name_unclaimed

_ACTING = frozenset({"inference", "realtime"})
"""The categories of operations that have a model answer."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A call: its operation, what it asks for, and the JSON text that policy sees as its body.

    `model` is the one that counts where the body doesn't name it: the path's. `server` is the short
    name of the MCP server that it goes to. `can_rewrite` tells
    whether that text is also what is sent. `inner` are the calls that it
    brings along (a batch's lines), each to be judged like one of its own; `name` and `pointer` say
    which of them this is, and where in the body it stands.
    """

    operation: Operation
    call: Call
    body: bytes
    can_rewrite: bool = True
    inner: tuple[Recognised, ...] = ()
    name: str = ""
    pointer: str = ""
    model: str | None = None
    server: str | None = None


def read_value(operation: Operation, value: Json, model: str | None = None) -> Call:
    """Return what a body asks for, and every model and tool that may run for it.

    `model` is the one that answers whatever the body says, None where the body says it.

    Raises:
        Refusal: it isn't in the operation's dialect, or names models or tools as nobody can tell.
    """
    named = value if model is None or not isinstance(value, dict) else {**value, "model": model}
    call = name_all(dialect(operation.dialect).read_request(named), named)
    if operation.category in _ACTING:
        call = name_unclaimed(call, named)
    streams = call.stream or operation.path.endswith(":streamGenerateContent")
    if call.body is value and call.stream == streams:  # nearly always
        return call
    return replace(call, body=value, stream=streams)


def name_all(call: Call, body: Json) -> Call:
    """Add every model and tool that a body names to a call; raises as `read_value` does."""
    return name_tools(name_models(call, body), body)
