"""Dialects: the wire shapes of calls, each in one module with the same small interface."""

from __future__ import annotations

from typing import Protocol

from ..call import Answer, Call, Json
from . import chat, generic


class Dialect(Protocol):
    """What a dialect's module offers."""

    def read_request(self, body: Json) -> Call:
        """The call that a request's body asks for; Refusal where it isn't in the dialect."""
        ...

    def read_response(self, status: int, body: Json) -> Answer:
        """What a response's body says; Refusal where it isn't in the dialect."""
        ...


DIALECTS: dict[str, Dialect] = {"chat": chat, "generic": generic}


def dialect(name: str) -> Dialect:
    """The dialect of that name."""
    return DIALECTS[name]
