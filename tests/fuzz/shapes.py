"""The dialects that are fuzzed: how each tells calls, and how its clients read them."""

from __future__ import annotations

from dataclasses import dataclass

from helm_boundary.dialects import SOCKETS

from .block_readers import read_blocks
from .block_streams import MESSAGES
from .chat_readers import read_chat
from .chat_streams import CHAT, COMPLETIONS
from .item_readers import read_items
from .item_streams import REALTIME, RESPONSES
from .readers import Read
from .tellings import Manner


@dataclass(frozen=True, slots=True)
class Shape:
    """One dialect as servers write it and clients read it."""

    dialect: str
    manner: Manner
    read: Read

    @property
    def in_messages(self) -> bool:
        """Whether events are messages of a WebSocket."""
        return self.dialect in SOCKETS


SHAPES = {
    shape.dialect: shape
    for shape in (
        Shape("chat", CHAT, read_chat),
        Shape("completions", COMPLETIONS, read_chat),
        Shape("messages", MESSAGES, read_blocks),
        Shape("realtime", REALTIME, read_items),
        Shape("responses", RESPONSES, read_items),
        Shape("responses_socket", RESPONSES, read_items),
    )
}
