"""One recorded call: what a client sent once, and what its provider answered."""

from __future__ import annotations

from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]

# What belongs to the connection of once, or to a body that was stored decoded.
_OF_THE_WIRE = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "host",
        "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recording:
    """A request (`path` with its query) and its answer, with bodies as bytes."""

    provider: str
    name: str
    method: str
    path: str
    headers: Headers
    body: bytes
    status: int
    answer_headers: Headers
    answer: bytes


class Unreadable(Exception):
    """A file that holds no recording; the message says what is wrong with it."""


def kept(headers: Headers) -> Headers:
    """Return the headers that a replay can send again."""
    return tuple((name, value) for name, value in headers if name.lower() not in _OF_THE_WIRE)
