"""A call as it was read from a request."""

from __future__ import annotations

from dataclasses import dataclass

from ..calls.call import Call, Operation


@dataclass(frozen=True, slots=True)
class Recognised:
    """A call: its operation, what it asks for, and the JSON text that policy sees as its body.

    `can_rewrite` tells whether that text is also what is sent. `inner` are the calls that it
    brings along (a batch's lines), each to be judged like one of its own.
    """

    operation: Operation
    call: Call
    body: bytes
    can_rewrite: bool = True
    inner: tuple[Recognised, ...] = ()
